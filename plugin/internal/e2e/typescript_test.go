package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/declarations"
)

// compilers are the TypeScript versions of npm that workflow files are checked
// with: the last one written in JavaScript, and the native one.
var compilers = []string{"5.9.3", "7.0.2"}

// install puts a version of TypeScript into a folder of its own and returns its tsc.
func install(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "typescript@"+version).CombinedOutput()
	require.NoErrorf(t, err, "install typescript@%s: %s", version, out)
	return filepath.Join(dir, "node_modules", ".bin", "tsc")
}

// typed is an app folder with the demo's workflows, a server that has written the
// types, and more collections than the demo has.
func typed(t *testing.T) *instance {
	t.Helper()
	in := newInstance(t, nil)
	for _, folder := range []string{"workflows", "right", "wrong"} {
		from := filepath.Join("testdata", "typescript", folder)
		if folder == "workflows" {
			from = filepath.Join(repo, folder)
		}
		require.NoError(t, os.CopyFS(filepath.Join(in.dir, folder), os.DirFS(from)))
	}
	config, err := os.ReadFile(filepath.Join(repo, "workflows", "jsconfig.json"))
	require.NoError(t, err)
	for _, folder := range []string{"right", "wrong"} {
		require.NoError(t, os.WriteFile(filepath.Join(in.dir, folder, "jsconfig.json"), config, 0o600))
	}

	s := in.serve()
	require.FileExists(t, in.types(), "the types are written at the start")
	s.addFields(in, "posts",
		map[string]any{"name": "secret", "type": "text", "hidden": true},
		map[string]any{"name": "rating", "type": "number"},
		map[string]any{"name": "featured", "type": "bool"},
		map[string]any{"name": "state", "type": "select", "values": []string{"draft", "public"}, "maxSelect": 1},
		map[string]any{"name": "flags", "type": "select", "values": []string{"hot", "new"}, "maxSelect": 2},
		map[string]any{"name": "published", "type": "date"},
		map[string]any{"name": "cover", "type": "file", "maxSelect": 1},
		map[string]any{"name": "files", "type": "file", "maxSelect": 9},
		map[string]any{"name": "extra", "type": "json"},
		map[string]any{"name": "place", "type": "geoPoint"},
	)
	s.addCollection(in, map[string]any{"name": "class", "type": "base", "fields": []map[string]any{
		{"name": "function", "type": "text"}, {"name": "1st", "type": "number"},
	}})
	s.addCollection(in, map[string]any{"name": "post_counts", "type": "view", "viewQuery": "SELECT id, count(*) AS n FROM posts GROUP BY id"})
	return in
}

// types is where the server writes its declarations.
func (in *instance) types() string { return filepath.Join(in.dir, "pb_data", "workflows.d.ts") }

func (s *server) addCollection(in *instance, collection map[string]any) {
	s.t.Helper()
	res, body, err := s.try(http.MethodPost, "/api/collections", in.token, collection)
	require.NoError(s.t, err)
	require.Equalf(s.t, http.StatusOK, res.StatusCode, "%s", body)
}

func (s *server) addFields(in *instance, collection string, fields ...map[string]any) {
	s.t.Helper()
	var now struct{ Fields []map[string]any }
	s.call(http.MethodGet, "/api/collections/"+collection, in.token, nil, &now)
	res, body, err := s.try(http.MethodPatch, "/api/collections/"+collection, in.token, map[string]any{"fields": append(now.Fields, fields...)})
	require.NoError(s.t, err)
	require.Equalf(s.t, http.StatusOK, res.StatusCode, "%s", body)
}

var (
	reported = regexp.MustCompile(`^(?:.*/)?([\w-]+\.js)\((\d+),\d+\): error (TS\d+): (.*)$`)
	wanted   = regexp.MustCompile(`// want (TS\d+(?:\|TS\d+)*) (.*)$`)
)

// typeErrors runs tsc as "tsc -p folder/jsconfig.json" and returns its errors by "file:line".
func typeErrors(t *testing.T, tsc, folder string) map[string][]string {
	t.Helper()
	cmd := exec.Command(tsc, "--noEmit", "--checkJs", "--pretty", "false", "-p", filepath.Join(folder, "jsconfig.json"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	found, last := map[string][]string{}, ""
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(line, "\n")
		if m := reported.FindStringSubmatch(line); m != nil {
			last = m[1] + ":" + m[2]
			found[last] = append(found[last], m[3]+" "+m[4])
			continue
		}
		require.Truef(t, strings.HasPrefix(line, " ") && last != "", "tsc said: %s", out.String())
		found[last][len(found[last])-1] += "\n" + line
	}
	require.Equalf(t, len(found) == 0, err == nil, "the exit code of tsc: %v", err)
	return found
}

// What the types must not let through stands in the files, with the error that
// each line gets and no other line may get.
func TestTypeScript(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			require.Emptyf(t, os.Getenv("CI"), "there is no %s", program)
			t.Skipf("workflow files are not checked with TypeScript: there is no %s", program)
		}
	}
	in := typed(t)
	for _, version := range compilers {
		t.Run(version, func(t *testing.T) {
			tsc := install(t, version)
			for _, folder := range []string{"workflows", "right"} {
				require.Emptyf(t, typeErrors(t, tsc, filepath.Join(in.dir, folder)), "in %s", folder)
			}

			found := typeErrors(t, tsc, filepath.Join(in.dir, "wrong"))
			files, err := filepath.Glob(filepath.Join(in.dir, "wrong", "*.js"))
			require.NoError(t, err)
			n := 0
			for _, file := range files {
				source, err := os.ReadFile(file)
				require.NoError(t, err)
				for i, line := range strings.Split(string(source), "\n") {
					want := wanted.FindStringSubmatch(line)
					if want == nil {
						continue
					}
					n++
					at := filepath.Base(file) + ":" + strconv.Itoa(i+1)
					got := found[at]
					delete(found, at)
					if !contains(got, want[1], want[2]) {
						t.Errorf("%s: %s\ngot: %q", at, line, got)
					}
				}
			}
			require.Greater(t, n, 80, "the files have wrong lines")
			require.Empty(t, found, "errors on lines that are right")

			for _, file := range []string{in.types(), odd(t, in)} {
				own, _ := exec.Command(tsc, "--noEmit", "--strict", "--pretty", "false", file).CombinedOutput()
				require.Contains(t, string(own), "types.d.ts", "PocketBase's have errors, so others would be there too")
				require.NotContains(t, string(own), "workflows.d.ts", "the declarations themselves have no errors")
			}
		})
	}
}

// odd are declarations with names that no server lets through.
func odd(t *testing.T, in *instance) string {
	t.Helper()
	dir := t.TempDir()
	types, err := os.ReadFile(filepath.Join(in.dir, "pb_data", "types.d.ts"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "types.d.ts"), types, 0o600))
	var collections []*core.Collection
	for _, name := range []string{"my-coll", "my_coll", "class", "string", "Record", "Array", "constructor", "__proto__", "2024", "日本", `a"b\c`} {
		c := core.NewAuthCollection(name, "id of "+name)
		c.Fields.Add(&core.TextField{Name: name}, &core.RelationField{Name: "to " + name, CollectionId: c.Id})
		collections = append(collections, c)
	}
	path := filepath.Join(dir, declarations.FileName)
	_, err = declarations.Update(path, collections)
	require.NoError(t, err)
	return path
}

// contains reports whether there is exactly one error, of one of the codes, with
// the text in it.
func contains(errors []string, codes, text string) bool {
	if len(errors) != 1 || !strings.Contains(errors[0], text) {
		return false
	}
	for code := range strings.SplitSeq(codes, "|") {
		if strings.HasPrefix(errors[0], code+" ") {
			return true
		}
	}
	return false
}

func TestTypesFollowTheCollections(t *testing.T) {
	in := newInstance(t, nil)
	s := in.serve()
	read := func() string {
		raw, err := os.ReadFile(in.types())
		require.NoError(t, err)
		return string(raw)
	}
	require.Contains(t, read(), "interface Posts {")
	require.NotContains(t, read(), "interface Places {")

	s.addCollection(in, map[string]any{"name": "places", "type": "base"})
	require.Contains(t, read(), "interface Places {", "a new collection")
	s.addFields(in, "places", map[string]any{"name": "at", "type": "geoPoint"})
	require.Contains(t, read(), "at: { lon: number; lat: number };", "a new field")

	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	require.NoError(t, os.Chtimes(in.types(), long, long))
	s.stop()
	s = in.serve()
	info, err := os.Stat(in.types())
	require.NoError(t, err)
	require.Equal(t, long, info.ModTime(), "what is right already is not written again")

	res := s.call(http.MethodDelete, "/api/collections/places", in.token, nil, nil)
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	require.NotContains(t, read(), "interface Places {", "a deleted collection")

	// A folder in the place of the file: nothing but the log tells of it.
	require.NoError(t, os.Remove(in.types()))
	require.NoError(t, os.MkdirAll(filepath.Join(in.types(), "x"), 0o755))
	s.addCollection(in, map[string]any{"name": "places", "type": "base"})
	left, err := filepath.Glob(filepath.Join(in.dir, "pb_data", ".workflows.d.ts-*"))
	require.NoError(t, err)
	require.Empty(t, left, "no half-written files")
}
