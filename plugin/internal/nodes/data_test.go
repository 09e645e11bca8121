package nodes

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"
)

// dataNodes run workflows/nodes-data.js.
var dataNodes = cases{
	"node-create": func(t *testing.T, d *demo) {
		post := d.post(object{"title": "t"})
		out := d.output("node-create", post).(object)
		comment, err := d.FindRecordById("comments", out["id"].(string))
		require.NoError(t, err)
		require.Equal(t, "First!", comment.GetString("content"))
		require.Equal(t, post.Id, comment.GetString("post"))
		require.Equal(t, "First!", out["content"])
	},
	"node-update": func(t *testing.T, d *demo) {
		news := d.save("categories", object{"title": "News"})
		first := d.post(object{"title": "a", "category": news.Id, "views": 2})
		second := d.post(object{"title": "b", "category": news.Id})
		other := d.post(object{"title": "c"})
		hooked := 0
		id := d.OnRecordAfterUpdateSuccess("posts").BindFunc(func(e *core.RecordEvent) error {
			hooked++
			return e.Next()
		})
		defer d.OnRecordAfterUpdateSuccess("posts").Unbind(id)
		require.Equal(t, 2.0, d.output("node-update", first))
		require.Equal(t, 2, hooked)
		require.Equal(t, "news 3", d.slugAndViews(first))
		require.Equal(t, "news 1", d.slugAndViews(second))
		require.Equal(t, " 0", d.slugAndViews(other))
	},
	"node-update-bulk": func(t *testing.T, d *demo) {
		news := d.save("categories", object{"title": "News"})
		first := d.post(object{"title": "a", "category": news.Id, "views": 2})
		other := d.post(object{"title": "c", "views": 2})
		d.output("node-update-bulk", first)
		require.Equal(t, " 0", d.slugAndViews(first))
		require.Equal(t, " 2", d.slugAndViews(other))
	},
	"node-delete": func(t *testing.T, d *demo) {
		post := d.post(object{"title": "a", "views": 1})
		comment := d.save("comments", object{"content": "c", "post": post.Id})
		unread := d.post(object{"title": "b"})
		read := d.post(object{"title": "c", "views": 1})
		require.Equal(t, 1.0, d.output("node-delete", post))
		for _, r := range []*core.Record{post, comment, unread} {
			_, err := d.FindRecordById(r.Collection(), r.Id)
			require.Error(t, err)
		}
		_, err := d.FindRecordById("posts", read.Id)
		require.NoError(t, err)
	},
	"node-query": func(t *testing.T, d *demo) {
		news := d.save("categories", object{"title": "News"})
		tag := d.save("tags", object{"title": "Go"})
		d.post(object{"title": "a", "category": news.Id, "views": 1})
		d.post(object{"title": "b", "category": news.Id, "views": 9, "tags": []string{tag.Id}})
		d.post(object{"title": "c", "category": news.Id, "views": 5})
		rows := d.output("node-query", d.post(object{"title": "d"})).(list)
		require.Len(t, rows, 2)
		first := rows[0].(object)
		require.Equal(t, "b", first["title"])
		require.Equal(t, "c", rows[1].(object)["title"])
		expand := first["expand"].(object)
		require.Equal(t, "News", expand["category"].(object)["title"])
		require.Equal(t, "Go", expand["tags"].(list)[0].(object)["title"])
	},
	"node-aggregate": func(t *testing.T, d *demo) {
		news, sport := d.save("categories", object{"title": "News"}), d.save("categories", object{"title": "Sport"})
		d.post(object{"title": "a", "category": news.Id, "views": 1})
		d.post(object{"title": "b", "category": news.Id, "views": 4})
		d.post(object{"title": "c", "category": sport.Id, "views": 10})
		require.Equal(t, object{
			"totals":     object{"posts": 3.0, "categories": 2.0, "views": 15.0, "average": 5.0, "least": 1.0, "most": 10.0},
			"byCategory": list{object{"category.title": "Sport", "posts": 1.0, "views": 10.0}, object{"category.title": "News", "posts": 3.0, "views": 5.0}},
		}, d.output("node-aggregate", d.post(object{"title": "d", "category": news.Id})))
	},
	"node-sql": func(t *testing.T, d *demo) {
		quiet, busy := d.post(object{"title": "quiet", "views": 1}), d.post(object{"title": "busy", "views": 7})
		for _, post := range []string{quiet.Id, busy.Id, busy.Id} {
			d.save("comments", object{"content": "c", "post": post})
		}
		require.Equal(t, list{object{"title": "busy", "comments": 2.0}}, d.output("node-sql", busy))
		require.Empty(t, d.output("node-sql", object{"views": "1 OR 1=1; DROP TABLE posts"}), "a parameter is a value")
	},
	"node-transaction": func(t *testing.T, d *demo) {
		require.Equal(t, "renamed", d.output("node-transaction", d.post(object{"title": "a", "slug": "b"})))
		require.Equal(t, []string{"renamed"}, d.logs())
		require.Equal(t, "rolled back", d.output("node-transaction", d.post(object{"title": "a"})))
		require.Equal(t, []string{"not renamed: title: cannot be blank."}, d.logs(), "what the transaction logged is undone")
	},
}

func (d *demo) slugAndViews(post *core.Record) string {
	d.t.Helper()
	r, err := d.FindRecordById("posts", post.Id)
	require.NoError(d.t, err)
	return r.GetString("slug") + " " + r.GetString("views")
}
