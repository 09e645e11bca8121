package workflow_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

var keyInput = workflow.Input{
	Data:     json.RawMessage(`{"customer":"c1","n":9007199254740993,"price":1.50,"on":true,"none":null,"list":["x",{"y":"z"}],"in":{"a b":1,"deep":{"er":"!"}}}`),
	Original: json.RawMessage(`{"customer":"c0"}`),
	User:     json.RawMessage(`{"id":"u1"}`),
	RoleName: "editor", Action: workflow.ActionUpdate, Collection: "posts", Path: "category",
}

func TestKeyExpression(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`data.customer`:                   "c1",
		` data.customer `:                 "c1",
		`data.customer + ":" + user.id`:   "c1:u1",
		`data.customer+":"+user.id`:       "c1:u1",
		`original.customer`:               "c0",
		`roleName`:                        "editor",
		`action + '/' + collection`:       "update/posts",
		`path`:                            "category",
		`"fixed"`:                         "fixed",
		`''`:                              "",
		`'it is "quoted"'`:                `it is "quoted"`,
		`"a + b"`:                         "a + b",
		`data.n`:                          "9007199254740993",
		`data.price`:                      "1.50",
		`data.on`:                         "true",
		`data.none`:                       "",
		`data.missing`:                    "",
		`data.customer.of.text`:           "",
		`params.body.id`:                  "",
		`data.list.0`:                     "x",
		`data.list.1.y`:                   "z",
		`data.list.2`:                     "",
		`data.list.y`:                     "",
		`data.list`:                       `["x",{"y":"z"}]`,
		`data.in.deep`:                    `{"er":"!"}`,
		"data.customer\n+ \"-\" +\tpath ": "c1-category",
	} {
		e, err := workflow.ParseKeyExpression(source)
		require.NoError(t, err, source)
		got, err := e.Eval(keyInput)
		require.NoError(t, err, source)
		require.Equal(t, want, got, source)
	}
	for source, message := range map[string]string{
		``:                    "expected a path",
		` `:                   "expected a path",
		`data.customer +`:     "expected a path",
		`+ data.customer`:     "is not a path",
		`data.customer user`:  `expected + before "user"`,
		`data..customer`:      "is not a path",
		`data.`:               "is not a path",
		`.data`:               "is not a path",
		`0data`:               "is not a path",
		`data.cust-omer`:      "is not a path",
		`data[0]`:             "is not a path",
		`customer`:            `"customer" begins with none of data`,
		`ctx.data.customer`:   "begins with none of",
		`"open`:               "has no end",
		`'mixed"`:             "has no end",
		`data.a + "b" "c"`:    "expected +",
		`data.customer; drop`: "is not a path",
	} {
		_, err := workflow.ParseKeyExpression(source)
		require.ErrorContains(t, err, message, source)
	}
	e, err := workflow.ParseKeyExpression("data.a")
	require.NoError(t, err)
	_, err = e.Eval(workflow.Input{Data: json.RawMessage(`{`)})
	require.ErrorContains(t, err, "data.a")
}

func FuzzKeyExpression(f *testing.F) {
	for _, s := range []string{`data.customer + ":" + user.id`, `"a"+'b'`, `data.list.0`, `data.list.-1`, `data.list.99999999999999999999`, `+`, `"`, "data.\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		e, err := workflow.ParseKeyExpression(source)
		if err != nil {
			return
		}
		first, err := e.Eval(keyInput)
		require.NoError(t, err)
		again, err := e.Eval(keyInput)
		require.NoError(t, err)
		require.Equal(t, first, again)
		_, err = e.Eval(workflow.Input{})
		require.NoError(t, err)
	})
}
