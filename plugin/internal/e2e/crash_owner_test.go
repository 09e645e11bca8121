package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// ownerPID is the process that says it runs an instance's workflows, 0 for none.
func (in *instance) ownerPID() int {
	in.t.Helper()
	var info struct {
		PID int `json:"pid"`
	}
	raw, err := os.ReadFile(filepath.Join(in.dir, "pb_data", ".workflows", "owner.json"))
	if err != nil || json.Unmarshal(raw, &info) != nil {
		return 0
	}
	return info.PID
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// TestKill_Owner is TestKill_Steps with two processes on one pb_data, one of
// which is killed at a time: mostly the one that runs the workflows.
// PBW_OWNER_KILLS is the number of kills.
func TestKill_Owner(t *testing.T) {
	kills := fromEnv(t, "PBW_OWNER_KILLS", 6)
	seed := fromEnv(t, "PBW_SEED", uint64(time.Now().UnixNano()))
	t.Logf("PBW_SEED=%d, %d kills", seed, kills)
	killer := rand.New(rand.NewPCG(seed, 0))

	in := newInstance(t, map[string]string{"mix.js": mixWorkflow})
	in.countEnds()
	m := &mix{in: in, rare: 50, acknowledged: map[string]string{}, told: map[string]bool{}}
	type process struct {
		*server
		clients sync.WaitGroup
	}
	launch := func() *process {
		p := &process{server: in.serve()}
		for range 2 {
			random := rand.New(rand.NewPCG(killer.Uint64(), 0))
			p.clients.Go(func() { m.client(p.server, random) })
		}
		return p
	}
	end := func(p *process) {
		p.kill()
		p.clients.Wait()
	}
	one, two := launch(), launch()
	owners := 0
	for range kills {
		time.Sleep(time.Duration(5+killer.IntN(1000)) * time.Millisecond) // the random moment
		if owns := one.pid() == in.ownerPID(); owns != (killer.IntN(5) > 0) {
			one, two = two, one
		}
		if one.pid() == in.ownerPID() {
			owners++
		}
		end(one)
		if killer.IntN(2) == 0 {
			time.Sleep(2500 * time.Millisecond) // else the new one is the quicker to take over
		}
		one = launch()
	}
	end(one)
	m.over.Store(true)
	two.clients.Wait()
	t.Logf("%d kills of the process that ran the workflows", owners)
	m.finish(two.server, killer)
	two.stop()
	check(t, in.history(), m.acknowledged)
}
