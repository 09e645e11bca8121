package trigger

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/stretchr/testify/require"
)

func TestReadKey(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"!", "~", "8e03978e-40d5-43dd-bc93-6894a57f9324", `"quoted"`, strings.Repeat("k", 255)} {
		key, err := readKey(http.Header{keyHeader: {good}})
		require.NoError(t, err)
		require.Equal(t, good, key)
	}
	for _, bad := range [][]string{nil, {}, {""}, {" "}, {"a b"}, {"a\tb"}, {"a\x00"}, {"a\x7f"}, {"ü"}, {strings.Repeat("k", 256)}, {"a", "b"}} {
		_, err := readKey(http.Header{keyHeader: bad})
		var api *router.ApiError
		require.ErrorAs(t, err, &api, "%q", bad)
		require.Equal(t, http.StatusBadRequest, api.Status)
		require.Contains(t, api.Message, keyHeader)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	user := func(collection, id string) *core.Record {
		c := core.NewAuthCollection(collection)
		c.Id = collection
		r := core.NewRecord(c)
		r.Id = id
		return r
	}
	require.Equal(t, digest(user("users", "a"), "k"), digest(user("users", "a"), "k"))
	seen := map[string]bool{}
	for _, d := range []string{
		digest(nil, "k"), digest(nil, "ak"), digest(user("users", "a"), "k"), digest(user("users", "b"), "k"),
		digest(user("members", "a"), "k"), digest(user("users", "a"), "l"), digest(user("usersa", ""), "k"),
	} {
		require.False(t, seen[d])
		require.Len(t, d, 64)
		seen[d] = true
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	of := func(key, method, url, body string) string {
		out, err := fingerprint(key, httptest.NewRequest(method, url, strings.NewReader(body)))
		require.NoError(t, err)
		return out
	}
	first := of("k", "POST", "/a/b?x=1&y=2", "body")
	for _, same := range []string{"/a/b?x=1&y=2", "/a/b?y=2&x=1", "/a/b?x=1&token=secret&y=2", "http://other.host/a/b?x=1&y=2"} {
		require.Equal(t, first, of("k", "POST", same, "body"), same)
	}
	for name, other := range map[string]string{
		"key":             of("l", "POST", "/a/b?x=1&y=2", "body"),
		"method":          of("k", "PATCH", "/a/b?x=1&y=2", "body"),
		"path":            of("k", "POST", "/a%2Fb?x=1&y=2", "body"),
		"query":           of("k", "POST", "/a/b?x=1&y=3", "body"),
		"repeated":        of("k", "POST", "/a/b?x=1&x=1&y=2", "body"),
		"body":            of("k", "POST", "/a/b?x=1&y=2", "Body"),
		"longer body":     of("k", "POST", "/a/b?x=1&y=2", "body "),
		"no body":         of("k", "POST", "/a/b?x=1&y=2", ""),
		"body for query":  of("k", "POST", "/a/b", "x=1&y=2\x00body"),
		"shifted borders": of("kP", "OST", "/a/b?x=1&y=2", "body"),
	} {
		require.NotEqual(t, first, other, name)
	}
}

// TestNewKeyed_Body: the body is there as before, also when somebody has read
// of it already, and is not counted twice against its limit.
func TestNewKeyed_Body(t *testing.T) {
	t.Parallel()
	trigger := &Trigger{config: Config{NewID: func() string { return "id" }}}
	keyOf := func(t *testing.T, read int64, limit int64) (string, *core.RequestEvent, error) {
		t.Helper()
		e := &core.RequestEvent{}
		e.Response = httptest.NewRecorder()
		e.Request = httptest.NewRequest("POST", "/", nil)
		e.Request.Header.Set(keyHeader, "k")
		e.Request.Body = &router.RereadableReadCloser{ReadCloser: io.NopCloser(strings.NewReader("the body"))}
		if read == 0 { // what is read before counts too
			require.NoError(t, apis.BodyLimit(8).Func(e))
		}
		_, err := io.CopyN(io.Discard, e.Request.Body, read)
		require.NoError(t, err)
		k, err := trigger.newKeyed(e, limit)
		if err != nil {
			return "", e, err
		}
		t.Cleanup(k.close)
		return k.request.Fingerprint, e, nil
	}
	first, _, err := keyOf(t, 0, 0)
	require.NoError(t, err)
	for _, c := range []struct{ read, limit int64 }{{0, 0}, {0, 8}, {8, 8}} {
		again, e, err := keyOf(t, c.read, c.limit)
		require.NoError(t, err)
		require.Equal(t, first, again)
		for range 3 {
			raw, err := io.ReadAll(e.Request.Body)
			require.NoError(t, err)
			require.Equal(t, "the body", string(raw))
		}
	}
	_, _, err = keyOf(t, 0, 7)
	require.Equal(t, http.StatusRequestEntityTooLarge, router.ToApiError(err).Status)
}

func TestFlights(t *testing.T) {
	t.Parallel()
	var f flights
	var running, together atomic.Int32
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			leave, err := f.enter(context.Background(), []string{"a", "b"}[i%2])
			if err != nil {
				together.Add(1)
				return
			}
			defer leave() // may be called twice
			if i%2 == 0 {
				if running.Add(1) > 1 {
					together.Add(1)
				}
				runtime.Gosched()
				running.Add(-1)
			}
			leave()
		})
	}
	wg.Wait()
	require.Zero(t, together.Load())
	require.Empty(t, f.underWay)

	leave, err := f.enter(context.Background(), "a")
	require.NoError(t, err)
	defer leave()
	gone, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("gone"))
	_, err = f.enter(gone, "a")
	require.ErrorIs(t, err, context.Canceled)
	free, err := f.enter(gone, "b")
	require.NoError(t, err)
	free()
}

func TestKept(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]string{"X-Workflow-Executions": "a=1", "Content-Type": "application/json"}, kept(http.Header{
		"X-Workflow-Executions": {"a=1"}, "Content-Type": {"application/json"},
		"Set-Cookie": {"secret"}, "Authorization": {"secret"}, "Access-Control-Expose-Headers": {"X-Workflow-Executions"},
	}))
}

// TestKeyed_None: everything may be asked of a request without a key.
func TestKeyed_None(t *testing.T) {
	t.Parallel()
	var k *keyed
	k.close()
	k.answered(http.Header{}, 200, nil)
	k.failed(nil, errors.New("x"))
	require.False(t, k.replays())
	require.NoError(t, k.remember(&writing{}))
}
