package store

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStore_MatchEvent(t *testing.T) {
	t.Parallel()
	_, s := newStarted(t)
	const order = `{"amount":12.5,"state":"paid","by":{"id":"u1","tags":["a","b"]},"ok":true,"none":null,"text":"it's \"so\"","big":9007199254740993}`
	for _, c := range []struct {
		filter, payload string
		want            bool
	}{
		{`event.amount > 10 && event.state = 'paid'`, order, true},
		{`event.amount > 10 && event.state = 'open'`, order, false},
		{`event.amount = 12.5`, order, true},
		{`event.amount = "12.5"`, order, false}, // a number is no text
		{`event.by.id = "u1"`, order, true},
		{`event.by.id != "u1"`, order, false},
		{`event.by.tags.0 = "a"`, order, true},
		{`event.by.tags ~ "b"`, order, true},
		{`event.ok = true`, order, true},
		{`event.ok = false`, order, false},
		{`event.none = null`, order, true},
		{`event.missing = null`, order, true},
		{`event.missing = ""`, order, false}, // null is not empty there
		{`event.missing != ""`, order, true},
		{`event.missing.deeper = 1`, order, false},
		{`event.text = "it's \"so\""`, order, true},
		{`event.state ~ "pa%"`, order, true},
		{`event.state ~ "x"`, order, false},
		{`event.amount > 10 || event.nope = 1`, order, true},
		{`(event.amount < 10 || event.amount > 12) && event.ok = true`, order, true},
		{`event.state = event.state`, order, true},
		{`1 = 1`, order, true},
		{`event.amount > 10`, `null`, false},
		{`event.amount > 10`, `[1]`, false},
		{`event.amount = 12.5`, `7`, false},
		{`event = "paid"`, `"paid"`, true},
		{`event != "paid"`, `"paid"`, false},
		{`event > 6`, `7`, true},
		{`event = true`, `true`, true},
		{`event = null`, `null`, true},
		{`event ~ "amount"`, order, true},
	} {
		got, err := s.MatchEvent(t.Context(), c.filter, []byte(c.payload))
		assert.NoError(t, err, c.filter)
		assert.Equal(t, c.want, got, "%s of %s", c.filter, c.payload)
		_, err = s.MatchEvent(t.Context(), c.filter, nil)
		assert.NoError(t, err, c.filter)
	}
	for _, bad := range []string{
		``, ` `, `event.`, `event..a = 1`, `event.a =`, `event.a == 1`, `= 1`, `event.a = 1 &&`, `(event.a = 1`, `amount > 1`, `events.a = 1`, `id = 1`,
		`@request.auth.id = ""`, `@collection.users.id = ""`, `event.a = 1; DROP TABLE users`, `event.a-b = 1`, "event.\x00 = 1", `event.a:lower = 'x'`,
		strings.Repeat(`event.a = 1 || `, 1000) + `event.a = 1`,
	} {
		_, err := s.MatchEvent(t.Context(), bad, nil)
		assert.ErrorContains(t, err, "can't be used", "%.60q", bad)
		_, err = s.MatchEvent(t.Context(), bad, []byte(order))
		assert.ErrorContains(t, err, "can't be used", "%.60q", bad)
	}
}

func FuzzMatchEvent(f *testing.F) {
	_, s := newStarted(f)
	for filter, payload := range map[string]string{
		`event.amount > 10 && event.state = 'paid'`: `{"amount":12}`, `event = "x"`: `"x"`, `event.a.b ~ "%"`: `[{"a":1}]`, `event.a = 'it''s'`: `null`,
		"event.a = \"\xff\"": `{"a":"\u0000"}`, `strftime('%Y', event.a) = "2026"`: `{"a":"2026-01-01"}`, `event.a ?= 1`: `{"a":[1,2]}`,
	} {
		f.Add(filter, payload)
	}
	f.Fuzz(func(t *testing.T, filter, payload string) {
		_, bad := s.MatchEvent(t.Context(), filter, nil)
		if !json.Valid([]byte(payload)) {
			return // events have JSON only
		}
		_, err := s.MatchEvent(t.Context(), filter, []byte(payload))
		if bad == nil {
			require.NoError(t, err, "a filter that passed the check can be evaluated")
		} else {
			require.Error(t, err)
		}
	})
}
