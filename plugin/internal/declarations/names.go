package declarations

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

var (
	identifier = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)
	words      = regexp.MustCompile(`[A-Za-z0-9]+`)
)

// typeNames are the names of the collections' record types by collection id:
// "my_posts" is MyPosts. Where two would be the same, the later one gets a number.
func typeNames(collections []*core.Collection) map[string]string {
	names, taken := map[string]string{}, map[string]bool{}
	for _, c := range collections {
		base := typeName(c.Name)
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", base, n)
		}
		taken[name] = true
		names[c.Id] = name
	}
	return names
}

func typeName(collection string) string {
	name := ""
	for _, word := range words.FindAllString(collection, -1) {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	if !identifier.MatchString(name) { // nothing, or a digit first
		name = "_" + name
	}
	return name
}

// property is a name as the key of a type. Reserved words may be one.
func property(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return literal(name)
}

// literal is a string of TypeScript, which all of JSON's are.
func literal(s string) string {
	raw, _ := json.Marshal(s) // a string can be encoded
	return string(raw)
}

// union is one of some texts.
func union(values []string) string {
	if len(values) == 0 {
		return "never"
	}
	literals := make([]string, len(values))
	for i, v := range values {
		literals[i] = literal(v)
	}
	return strings.Join(literals, " | ")
}
