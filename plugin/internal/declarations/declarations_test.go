package declarations_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/declarations"
)

// collection is one that is stored nowhere; its id is its name.
func collection(name string, fields ...core.Field) *core.Collection {
	c := core.NewBaseCollection(name, name)
	c.Fields = core.NewFieldsList(fields...)
	return c
}

func written(t *testing.T, collections ...*core.Collection) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, declarations.Write(&b, collections))
	return b.String()
}

func TestFieldsAreTypedAsTheirPublicExport(t *testing.T) {
	posts := collection("posts",
		&core.TextField{Name: "id"},
		&core.TextField{Name: "text"},
		&core.EditorField{Name: "editor"},
		&core.EmailField{Name: "email"},
		&core.URLField{Name: "url"},
		&core.NumberField{Name: "number"},
		&core.BoolField{Name: "bool"},
		&core.DateField{Name: "date"},
		&core.AutodateField{Name: "autodate"},
		&core.JSONField{Name: "json"},
		&core.GeoPointField{Name: "geoPoint"},
		&core.SelectField{Name: "one", Values: []string{"a", `b"c`}, MaxSelect: 1},
		&core.SelectField{Name: "required", Values: []string{"a", "b"}, MaxSelect: 1, Required: true},
		&core.SelectField{Name: "many", Values: []string{"a", "b"}, MaxSelect: 2},
		&core.SelectField{Name: "single", Values: []string{"a"}, MaxSelect: 2},
		&core.FileField{Name: "file", MaxSelect: 1},
		&core.FileField{Name: "files", MaxSelect: 2},
		&core.RelationField{Name: "relation", CollectionId: "tags", MaxSelect: 1},
		&core.RelationField{Name: "relations", CollectionId: "tags", MaxSelect: 2},
		&core.RelationField{Name: "lost", CollectionId: "gone", MaxSelect: 1},
		&core.TextField{Name: "hidden", Hidden: true},
		&core.PasswordField{Name: "password"},
	)
	require.Contains(t, written(t, posts, collection("tags")), `        /** A record of "posts". */
        interface Posts {
            id: string;
            text: string;
            editor: string;
            email: string;
            url: string;
            number: number;
            bool: boolean;
            date: string;
            autodate: string;
            json: any;
            geoPoint: { lon: number; lat: number };
            one: "a" | "b\"c" | "";
            required: "a" | "b";
            many: ("a" | "b")[];
            single: "a"[];
            file: string;
            files: string[];
            relation: string;
            relations: string[];
            lost: string;
            collectionId: string;
            collectionName: "posts";
            /** The related records, as far as they were asked for. */
            expand?: {
                relation?: Tags;
                relations?: Tags[];
                lost?: any;
            };
        }
`)
}

func TestUsersHaveTheirEmailOnlySometimesAndNoSecrets(t *testing.T) {
	text := written(t, core.NewAuthCollection("users"))
	require.Contains(t, text, "            email?: string;\n            emailVisibility: boolean;\n            verified: boolean;\n")
	_, record, _ := strings.Cut(text, "interface Users {")
	record, _, _ = strings.Cut(record, "}")
	require.NotContains(t, record, "password")
	require.NotContains(t, record, "tokenKey")
	require.Contains(t, text, `kind: "auth";`)
}

func TestOthersRelationsCanBeExpanded(t *testing.T) {
	one := collection("profiles", &core.RelationField{Name: "post", CollectionId: "posts", MaxSelect: 1})
	one.AddIndex("profiles_post", true, "post", "")
	text := written(t, collection("posts"), one,
		collection("comments", &core.RelationField{Name: "post", CollectionId: "posts", MaxSelect: 1}))
	require.Contains(t, text, `            expand?: {
                comments_via_post?: Comments[];
                profiles_via_post?: Profiles;
            };
`)
}

func TestOptionsKnowAllFields(t *testing.T) {
	require.Contains(t, written(t, collection("posts",
		&core.TextField{Name: "hidden", Hidden: true},
		&core.DateField{Name: "date"},
		&core.AutodateField{Name: "created"},
		&core.RelationField{Name: "tag", CollectionId: "tags"},
	), collection("tags")), `        posts: {
            kind: "base";
            record: Records.Posts;
            field: "hidden" | "date" | "created" | "tag";
            date: "date" | "created";
            relation: "tag";
        };
        tags: {
            kind: "base";
            record: Records.Tags;
            field: never;
            date: never;
            relation: never;
        };
`)
}

func TestTheOrderOfCollectionsDoesNotMatter(t *testing.T) {
	collections := []*core.Collection{collection("b"), collection("A"), collection("a"), collection("c", &core.RelationField{Name: "a", CollectionId: "a"})}
	want := written(t, collections...)
	slices.Reverse(collections)
	require.Equal(t, want, written(t, collections...))
	require.Equal(t, "c", collections[0].Name, "the caller's list stays as it is")
}

func TestOddNames(t *testing.T) {
	for _, c := range []struct{ name, record, property string }{
		{"my-coll", "MyColl", `"my-coll"`},
		{"my_coll", "MyColl", "my_coll"},
		{"class", "Class", "class"},
		{"string", "String", "string"},
		{"__proto__", "Proto", "__proto__"},
		{"2024", "_2024", `"2024"`},
		{"1st_of_May", "_1stOfMay", `"1st_of_May"`},
		{"ärger", "Rger", `"ärger"`},
		{"日本", "_", `"日本"`},
		{`a"b\c`, "ABC", `"a\"b\\c"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := written(t, collection(c.name, &core.TextField{Name: c.name}))
			require.Contains(t, text, "\n        interface "+c.record+" {\n            "+c.property+": string;\n")
			require.Contains(t, text, "\n        "+c.property+": {\n            kind: \"base\";\n            record: Records."+c.record+";\n")
		})
	}
}

func TestNamesThatWouldBeTheSame(t *testing.T) {
	text := written(t, collection("my_coll"), collection("my-coll"), collection("MyColl"))
	for _, want := range []string{
		"interface MyColl {", "interface MyColl_2 {", "interface MyColl_3 {",
		"MyColl: {\n            kind: \"base\";\n            record: Records.MyColl;",
		"\"my-coll\": {\n            kind: \"base\";\n            record: Records.MyColl_2;",
		"my_coll: {\n            kind: \"base\";\n            record: Records.MyColl_3;",
	} {
		require.Contains(t, text, want)
	}
}

func TestUpdateWritesOnlyWhatChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), declarations.FileName)
	changed, err := declarations.Update(path, []*core.Collection{collection("posts")})
	require.NoError(t, err)
	require.True(t, changed, "a new file")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, written(t, collection("posts")), string(text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode(), "editors of other users may read it")

	changed, err = declarations.Update(path, []*core.Collection{collection("posts")})
	require.NoError(t, err)
	require.False(t, changed)

	changed, err = declarations.Update(path, []*core.Collection{collection("pages")})
	require.NoError(t, err)
	require.True(t, changed)

	_, err = declarations.Update(filepath.Join(path, "no", "folder"), nil)
	require.ErrorContains(t, err, "write ")
}
