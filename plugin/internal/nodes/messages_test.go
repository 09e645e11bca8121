package nodes

import (
	"mime"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
	"github.com/stretchr/testify/require"
)

// messageNodes run workflows/nodes-messages.js.
var messageNodes = cases{
	"node-mail": func(t *testing.T, d *demo) {
		office := newPostOffice(t, d)
		d.save("users", object{"email": "bob@example.com", "password": "demo-user-password", "role": "member"})
		post := d.post(object{"title": "Größer"})
		d.output("node-mail", post)
		l := <-office.letters
		require.Equal(t, "blog@example.com", l.from)
		require.Equal(t, []string{"ada@example.com"}, l.to, "editors only")
		from, err := l.head.AddressList("From")
		require.NoError(t, err)
		require.Equal(t, "The Blog", from[0].Name)
		to, err := l.head.AddressList("To")
		require.NoError(t, err)
		require.Equal(t, "Ada", to[0].Name)
		subject, err := new(mime.WordDecoder).DecodeHeader(l.head.Get("Subject"))
		require.NoError(t, err)
		require.Equal(t, "New: Größer", subject)
		require.Contains(t, l.parts["text/html"], `<a href="https://blog.example.com/posts/`+post.Id+`">here</a>`)
		require.Contains(t, l.parts["text/plain"], "Read it")
	},
	"node-notification": func(t *testing.T, d *demo) {
		other := d.save("users", object{"email": "bob@example.com", "password": "demo-user-password"})
		mine := d.listen(d.user, "notices")
		theirs := d.listen(other, "notices")
		elsewhere := d.listen(d.user, "something")
		require.Equal(t, 1.0, d.output("node-notification", d.post(object{"title": "Hello"})))
		select {
		case got := <-mine.Channel():
			require.Equal(t, "notices", got.Name)
			require.JSONEq(t, `{"text":"\"Hello\" is saved"}`, string(got.Data))
		case <-time.After(soon):
			require.Fail(t, "nothing came")
		}
		for _, client := range []subscriptions.Client{mine, theirs, elsewhere} {
			select {
			case got := <-client.Channel():
				require.Failf(t, "too much", "%s %s", got.Name, got.Data)
			default:
			}
		}
	},
	"node-response-message": func(t *testing.T, d *demo) {
		res := d.request("POST", "/api/collections/posts/records?triggerWorkflows=node-response-message", `{"title":"Hello"}`)
		require.Equal(t, 200, res.StatusCode)
		require.JSONEq(t, `["\"Hello\" has 5 letters"]`, res.Header.Get("X-Workflow-Messages"))
	},
}

// listen is a realtime connection on which somebody is logged in.
func (d *demo) listen(who *core.Record, topic string) subscriptions.Client {
	client := subscriptions.NewDefaultClient()
	client.Set(apis.RealtimeClientAuthKey, who)
	client.Subscribe(topic)
	d.SubscriptionsBroker().Register(client)
	return client
}
