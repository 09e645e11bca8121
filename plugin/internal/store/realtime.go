package store

import (
	"sync"

	"github.com/pocketbase/pocketbase/core"
)

// maxPending is how many different messages may wait for the broadcaster.
// Beyond that new ones are dropped: realtime messages are no journal.
const maxPending = 1 << 16

// change is one message to send: what happened to which record.
type change struct{ collection, action, id string }

// broadcaster tells realtime subscribers of changed executions and steps, which are
// written without app.Save. It owns one goroutine, so that messages about one
// record keep their order, and reads a row only when somebody listens to it.
type broadcaster struct {
	app    core.App
	outbox *outbox

	mu      sync.Mutex
	pending []change
	// queued is what pending holds: a change that waits already carries the
	// newest row when its turn comes.
	queued  map[change]struct{}
	dropped bool
	wake    chan struct{} // nil while stopped
	done    chan struct{}
}

func newBroadcaster(app core.App) *broadcaster {
	return &broadcaster{app: app, outbox: newOutbox(), queued: map[change]struct{}{}}
}

func (b *broadcaster) start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wake != nil {
		return
	}
	b.wake, b.done = make(chan struct{}, 1), make(chan struct{})
	b.outbox.open()
	go b.loop(b.wake, b.done)
}

// stop sends what is pending and returns when the goroutines have ended.
func (b *broadcaster) stop() {
	b.mu.Lock()
	wake, done := b.wake, b.done
	b.wake = nil
	b.mu.Unlock()
	if wake != nil {
		close(wake)
	}
	if done != nil {
		<-done
		b.outbox.close()
	}
}

func (b *broadcaster) notify(collection, action string, ids ...string) {
	if len(ids) == 0 || b.app.SubscriptionsBroker().TotalClients() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wake == nil {
		return
	}
	for _, id := range ids {
		b.push(change{collection, action, id})
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *broadcaster) push(c change) {
	if _, waits := b.queued[c]; waits {
		return
	}
	if len(b.pending) >= maxPending {
		if !b.dropped {
			b.app.Logger().Warn("Realtime messages of executions are dropped: too many are waiting", "waiting", len(b.pending))
		}
		b.dropped = true
		return
	}
	b.queued[c] = struct{}{}
	b.pending = append(b.pending, c)
}

func (b *broadcaster) pop() (change, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		b.pending, b.dropped = nil, false
		return change{}, false
	}
	c := b.pending[0]
	b.pending = b.pending[1:]
	delete(b.queued, c)
	return c, true
}

func (b *broadcaster) loop(wake <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	for open := true; open; {
		_, open = <-wake
		for c, ok := b.pop(); ok; c, ok = b.pop() {
			b.deliver(c)
		}
	}
}

// deliver must survive whatever a host's enrich hook does.
func (b *broadcaster) deliver(c change) {
	defer func() {
		if r := recover(); r != nil {
			b.app.Logger().Error("Sending a realtime message panicked", "collection", c.collection, "record", c.id, "panic", r)
		}
	}()
	if err := b.broadcast(c); err != nil {
		b.app.Logger().Debug("Failed to broadcast "+c.action, "collection", c.collection, "record", c.id, "error", err.Error())
	}
}
