package script

import (
	"testing"
	"time"

	"github.com/dop251/goja"
	"github.com/stretchr/testify/require"
)

func TestNewError(t *testing.T) {
	t.Parallel()
	vm := goja.New()
	bindErrors(vm)
	for _, name := range []string{"Error", "TypeError", "NonRetryableError", "TimeoutError", "ChildError"} {
		require.NoError(t, vm.Set("e", newError(vm, name, "a message")))
		v, err := vm.RunString(`[e instanceof Error, e.name, e.message, String(e), typeof e.message].join("|")`)
		require.NoError(t, err)
		require.Equal(t, "true|"+name+"|a message|"+name+": a message|string", v.String())
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	vm := goja.New()
	for _, c := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{`1500`, 1500 * time.Millisecond, true},
		{`"30s"`, 30 * time.Second, true},
		{`"120"`, 2 * time.Minute, true},
		{`"Fri, 02 Jan 2026 03:05:05 GMT"`, time.Minute, true},
		{`"2026-01-02T03:04:15Z"`, 10 * time.Second, true},
		{`new Date(Date.UTC(2026, 0, 2, 3, 4, 6))`, time.Second, true},
		{`new Date(0)`, 0, true},
		{`["7"]`, 7 * time.Second, true},
		{`({ statusCode: 429, headers: { "Retry-After": ["5"] } })`, 5 * time.Second, true},
		{`({ headers: { "retry-after": "5" } })`, 5 * time.Second, true},
		{`({ headers: {} })`, 0, false},
		{`"soon"`, 0, false},
		{`-1`, 0, false},
		{`[]`, 0, false},
		{`null`, 0, false},
	} {
		v, err := vm.RunString(c.value)
		require.NoError(t, err)
		got, ok := retryAfter(v.Export(), now)
		require.Equal(t, c.ok, ok, c.value)
		require.Equal(t, c.want, got, c.value)
	}
}
