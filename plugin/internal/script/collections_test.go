package script

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFindCollection_IsTheScriptsOwn: what a script does to a collection that it
// has found is seen by nobody else before it is saved, and by itself from then on.
func TestFindCollection_IsTheScriptsOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	before, err := s.app.FindCachedCollectionByNameOrId("demo2")
	require.NoError(t, err)
	fields := len(before.Fields)
	for _, c := range []struct{ fn, want string }{
		{`(ctx) => { const c = $app.findCollectionByNameOrId("demo2"); c.fields.add(new TextField({ name: "extra" })); c.name = "other"; return $app.findCollectionByNameOrId("demo2").name }`, `"demo2"`},
		{`(ctx) => { const f = $app.findCollectionByNameOrId("demo2").fields.getByName("title"); f.max = 7; return $app.findCollectionByNameOrId("demo2").fields.getByName("title").max }`, `0`},
		{`(ctx) => { const f = $app.findCollectionByNameOrId("DEMO2"); return [f.isNew(), f.id == $app.findCollectionByNameOrId(f.id).id] }`, `[false,true]`},
		{`(ctx) => { try { $app.findCollectionByNameOrId("nothing") } catch (e) { return "none" } }`, `"none"`},
		{`(ctx) => { try { $app.runInTransaction((tx) => {
			const c = tx.findCollectionByNameOrId("demo2");
			c.fields.add(new TextField({ name: "extra" }));
			tx.save(c);
			throw new Error(String(tx.findCollectionByNameOrId("demo2").fields.getByName("extra") != null));
		}) } catch (e) { return e.message } }`, `"true"`},
		{`(ctx) => ctx.step.transaction("t", (tx) => tx.findCollectionByNameOrId("users").type)`, `"auth"`},
	} {
		require.JSONEq(t, c.want, s.output(c.fn), c.fn)
		after, err := s.app.FindCachedCollectionByNameOrId("demo2")
		require.NoError(t, err)
		require.Equal(t, "demo2", after.Name)
		require.Len(t, after.Fields, fields)
	}
}
