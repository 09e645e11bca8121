package plugin_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestDirect: a write without hooks of the host around it is validated outside of
// its transaction; with one it is not, so that the hook can undo all of it.
func TestDirect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		bind   func(a *app)
		direct bool
	}{
		{"no hooks", func(*app) {}, true},
		{"a hook after the success", func(a *app) {
			a.OnRecordAfterCreateSuccess("posts").BindFunc(func(e *core.RecordEvent) error { return e.Next() })
		}, true},
		{"a request hook", func(a *app) {
			a.OnRecordCreateRequest("posts").BindFunc(func(e *core.RecordRequestEvent) error { return e.Next() })
		}, false},
		{"a record hook", func(a *app) {
			a.OnRecordCreate("posts").BindFunc(func(e *core.RecordEvent) error { return e.Next() })
		}, false},
		{"an enrich hook", func(a *app) {
			a.OnRecordEnrich("posts").BindFunc(func(e *core.RecordEnrichEvent) error { return e.Next() })
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, plugin.Config{}, actionWorkflows)
			var inTransaction atomic.Bool
			a.OnRecordValidate("posts").BindFunc(func(e *core.RecordEvent) error {
				inTransaction.Store(e.App.TxInfo() != nil)
				return e.Next()
			})
			c.bind(a)
			id := a.create("?triggerWorkflows=note", nil).id(t, "note")
			require.Equal(t, "completed", a.row(id).GetString("status"))
			require.Equal(t, c.direct, !inTransaction.Load())
		})
	}
}

// TestDirect_LateHook: a hook of the host that fails after the write undoes the
// record and its executions.
func TestDirect_LateHook(t *testing.T) {
	t.Parallel()
	late := errors.New("late")
	for name, bind := range map[string]func(a *app){
		"request, close around the write": func(a *app) {
			a.OnRecordCreateRequest("posts").Bind(&hook.Handler[*core.RecordRequestEvent]{
				Priority: 9999, Func: func(e *core.RecordRequestEvent) error { return errors.Join(e.Next(), late) },
			})
		},
		"record": func(a *app) {
			a.OnRecordCreate("posts").BindFunc(func(e *core.RecordEvent) error { return errors.Join(e.Next(), late) })
		},
		"statement": func(a *app) {
			a.OnRecordCreateExecute("posts").BindFunc(func(e *core.RecordEvent) error { return errors.Join(e.Next(), late) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, plugin.Config{}, actionWorkflows)
			bind(a)
			posts := a.count("posts")
			require.Equal(t, http.StatusBadRequest, a.create("?triggerWorkflows=note", nil).StatusCode)
			require.Equal(t, posts, a.count("posts"))
			require.Empty(t, a.rows("note"))
		})
	}
}

// TestDirect_Together: writes that share a commit fail alone.
func TestDirect_Together(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, actionWorkflows)
	posts, err := a.FindCollectionByNameOrId("posts")
	require.NoError(t, err)
	posts.AddIndex("idx_unique_title", true, "title", "")
	posts.CreateRule = types.Pointer("")
	require.NoError(t, a.Save(posts))

	const n = 40
	codes := make(chan int, 2*n)
	before := a.count("posts")
	for i := range n {
		for range 2 {
			go func() {
				codes <- a.create("?triggerWorkflows=note", map[string]any{"title": string(rune('a'+i%26)) + string(rune('a'+i/26))}).StatusCode
			}()
		}
	}
	counts := map[int]int{}
	for range 2 * n {
		counts[<-codes]++
	}
	require.Equal(t, map[int]int{http.StatusOK: n, http.StatusBadRequest: n}, counts)
	require.Equal(t, before+n, a.count("posts"))
	require.Len(t, a.rows("note"), n)
}
