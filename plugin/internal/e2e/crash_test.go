package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crashWorkflow leaves a trace of every step: the token of "first" is random,
// so an execution whose finished step ran twice would show two tokens.
const crashWorkflow = `
workflow("crash", { on: { type: "action", collection: "posts" } }, (ctx) => {
    const token = ctx.step.run("first", () => $security.randomString(12));
    ctx.step.transaction("second", (txApp) => {
        const log = new Record(txApp.findCollectionByNameOrId("logs"));
        log.set("message", ctx.data.id + " " + token);
        txApp.save(log);
    });
    const again = ctx.step.run("third", () => token);
    return { token, again };
});
`

// TestKill kills the server at random moments under load and counts afterwards
// that every answered write ran its workflow to the end exactly once.
func TestKill(t *testing.T) {
	kills := 200
	if s := os.Getenv("PBW_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, kills)
	random := rand.New(rand.NewPCG(seed, 0))

	in := newInstance(t, map[string]string{"crash.js": crashWorkflow})
	acknowledged := map[string]string{} // execution id by record id
	var mu sync.Mutex
	for range kills {
		s := in.serve()
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for n := 0; ; n++ {
					res, raw, err := s.try(http.MethodPost, "/api/collections/posts/records?triggerWorkflows=crash", in.token,
						map[string]any{"title": fmt.Sprintf("post %d", n)})
					if err != nil {
						return // killed
					}
					var post struct{ ID string }
					if res.StatusCode != http.StatusOK || json.Unmarshal(raw, &post) != nil {
						t.Errorf("status %d: %s", res.StatusCode, raw)
						return
					}
					_, id, _ := strings.Cut(res.Header.Get("X-Workflow-Executions"), "=")
					mu.Lock()
					acknowledged[post.ID] = id
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Duration(5+random.IntN(60)) * time.Millisecond) // the random moment
		s.kill()
		clients.Wait()
	}

	s := in.serve()
	require.Eventually(t, func() bool {
		return len(s.list(in, "_workflowExecutions", "fields=id&filter="+url.QueryEscape(`status="queued"||status="running"`))) == 0
	}, time.Minute, 50*time.Millisecond, "every committed trigger runs to its end")

	executions := s.list(in, "_workflowExecutions", "fields=id,status,trigger,output,error,attempt")
	posts := s.list(in, "posts", "fields=id")
	logs := s.list(in, "logs", "fields=message")
	steps := s.list(in, "_workflowSteps", "fields=id,execution,name,status,result")

	byRecord := map[string]map[string]any{}
	recovered := 0
	for _, e := range executions {
		record := e["trigger"].(map[string]any)["record"].(string)
		require.Equalf(t, "completed", e["status"], "%v", e)
		require.NotContains(t, byRecord, record, "one execution for one write")
		byRecord[record] = e
		if e["attempt"].(float64) > 1 {
			recovered++
		}
	}
	require.Len(t, byRecord, len(posts), "rows of records and of executions agree")
	for record, id := range acknowledged {
		require.Containsf(t, byRecord, record, "acknowledged with execution %s", id)
		require.Equal(t, id, byRecord[record]["id"])
	}
	effects := map[string]string{}
	for _, l := range logs {
		record, token, _ := strings.Cut(l["message"].(string), " ")
		require.NotContains(t, effects, record, "step.transaction is exactly once")
		effects[record] = token
	}
	require.Len(t, effects, len(posts))
	for record, e := range byRecord {
		out := e["output"].(map[string]any)
		require.Equalf(t, effects[record], out["token"], "a finished step is not run again (execution %v)", e["id"])
		require.Equal(t, out["token"], out["again"])
	}
	require.Len(t, steps, 3*len(posts))
	t.Logf("%d kills, %d acknowledged writes, %d executions, %d taken up again after a kill", kills, len(acknowledged), len(executions), recovered)
	require.Greater(t, recovered, 0, "some kills hit running executions")
}
