package workflow

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeyExpression_ParamsBody: the body of a webhook is stored as data alone.
func TestKeyExpression_ParamsBody(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"params.body.id": "from data", "params.body.list.1": "b", "params.body": `{"id":"from data","list":["a","b"]}`,
		"params.body.none": "", "params.method": "POST", "params.query.body": "q",
	} {
		e, err := ParseKeyExpression(source)
		require.NoError(t, err)
		in := Input{Data: json.RawMessage(`{"id":"from data","list":["a","b"]}`), Params: json.RawMessage(`{"method":"POST","query":{"body":"q"}}`)}
		got, err := e.Eval(in)
		require.NoError(t, err)
		require.Equal(t, want, got, source)
	}
	e, err := ParseKeyExpression("params.body.id")
	require.NoError(t, err)
	got, err := e.Eval(Input{Data: json.RawMessage(`{"id":1}`), Params: json.RawMessage(`{"body":{"id":2}}`)})
	require.NoError(t, err)
	require.Equal(t, "2", got, "one that is stored apart counts")
}

// TestWebhook_JSON: what a webhook is stays flat, and others have nothing of it.
func TestWebhook_JSON(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(Trigger{Type: TriggerAction})
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"action","collection":""}`, string(raw))
	on := Trigger{Type: TriggerWebhook, Webhook: &Webhook{Methods: []string{"GET"}, Auth: Auth{Type: AuthNone}}}
	raw, err = json.Marshal(on)
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"webhook","collection":"","methods":["GET"],"auth":{"type":"none"}}`, string(raw))
	var again Trigger
	require.NoError(t, json.Unmarshal(raw, &again))
	require.Equal(t, on, again)
}
