package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKill_Retry kills the server under load while its clients send every
// request again, with its key, until it is answered: each one is carried out
// exactly once.
func TestKill_Retry(t *testing.T) {
	const kills = 20
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, kills)
	random := rand.New(rand.NewPCG(seed, 0))

	in := newInstance(t, map[string]string{"crash.js": crashWorkflow})
	type request struct {
		key, title string
		executions string // of the answer
		tries      int
	}
	const clients = 4
	var requests [clients][]*request
	send := func(s *server, r *request) bool {
		r.tries++
		req, err := http.NewRequest(http.MethodPost, s.url+"/api/collections/posts/records?triggerWorkflows=crash",
			strings.NewReader(fmt.Sprintf(`{"title":%q}`, r.title)))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", in.token)
		req.Header.Set("Idempotency-Key", r.key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false // killed
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			return false
		}
		var post struct{ Title string }
		if res.StatusCode != http.StatusOK || json.Unmarshal(raw, &post) != nil || post.Title != r.title {
			t.Errorf("status %d: %s", res.StatusCode, raw)
		}
		r.executions = res.Header.Get("X-Workflow-Executions")
		return true
	}
	for range kills {
		s := in.serve()
		var running sync.WaitGroup
		for c := range clients {
			running.Go(func() {
				own := &requests[c]
				if n := len(*own); n > 0 && (*own)[n-1].executions == "" && !send(s, (*own)[n-1]) {
					return
				}
				for {
					name := fmt.Sprintf("post %d of %d", len(*own), c)
					r := &request{key: strings.ReplaceAll(name, " ", "-"), title: name}
					if *own = append(*own, r); !send(s, r) {
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(5+random.IntN(60)) * time.Millisecond) // the random moment
		s.kill()
		running.Wait()
	}
	s := in.serve()
	total, again := 0, 0
	byTitle := map[string]string{}
	for _, own := range requests {
		for _, r := range own {
			for r.executions == "" {
				require.True(t, send(s, r))
			}
			total++
			if r.tries > 1 {
				again++
			}
			byTitle[r.title] = r.executions
		}
	}
	posts := s.list(in, "posts", "fields=id,title")
	titleOf := map[string]string{}
	for _, p := range posts {
		titleOf[p["id"].(string)] = p["title"].(string)
	}
	require.Len(t, posts, total, "one record for one key")
	executions := s.list(in, "_workflowExecutions", "fields=id,trigger")
	require.Len(t, executions, total, "one execution for one key")
	for _, e := range executions {
		title := titleOf[e["trigger"].(map[string]any)["record"].(string)]
		require.Equal(t, "crash="+e["id"].(string), byTitle[title])
	}
	answered := s.list(in, "_workflowRequests", "fields=status")
	lost := 0
	for _, r := range answered {
		if r["status"].(float64) == 0 {
			lost++
		}
	}
	t.Logf("%d requests, %d sent again, %d of the first answers lost with the process", total, again, lost)
	require.Positive(t, again)
}
