package e2e

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

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
	m := &mix{in: in, rare: 150, acknowledged: map[string]string{}, told: map[string]bool{}}
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
	owner := launch() // runs the workflows, or is the one that is about to
	other := launch()
	for range kills {
		time.Sleep(time.Duration(5+killer.IntN(1000)) * time.Millisecond) // the random moment
		if killer.IntN(4) == 0 {
			end(other)
		} else {
			end(owner)
			owner = other
			if killer.IntN(2) == 0 {
				time.Sleep(2500 * time.Millisecond) // else the new one may be the quicker to take over
			}
		}
		other = launch()
	}
	end(owner)
	m.over.Store(true)
	other.clients.Wait()
	m.finish(other.server, killer)
	other.stop()
	check(t, in.history(), m.acknowledged)
}
