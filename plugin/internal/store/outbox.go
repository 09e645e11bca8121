package store

import (
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

const (
	// maxUnread is how many messages a slow client may be behind. Beyond that
	// it loses the oldest.
	maxUnread = 1000
	// closeGrace is how long close waits for slow clients.
	closeGrace = 500 * time.Millisecond
)

// outbox hands messages to clients, in order for each, without ever waiting for
// one. A client has a goroutine only while messages wait for it.
type outbox struct {
	mu      sync.Mutex
	waiting map[string][]subscriptions.Message // by client id
	senders sync.WaitGroup
	quit    chan struct{} // nil while closed
}

func newOutbox() *outbox { return &outbox{} }

func (o *outbox) open() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.quit == nil {
		o.quit, o.waiting = make(chan struct{}), map[string][]subscriptions.Message{}
	}
}

// close gives the clients a short time to take what waits for them.
func (o *outbox) close() {
	o.mu.Lock()
	quit := o.quit
	o.quit = nil
	o.mu.Unlock()
	if quit == nil {
		return
	}
	timer := time.AfterFunc(closeGrace, func() { close(quit) })
	o.senders.Wait()
	timer.Stop()
}

func (o *outbox) send(client subscriptions.Client, message subscriptions.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.quit == nil {
		return
	}
	messages, busy := o.waiting[client.Id()]
	if len(messages) >= maxUnread {
		messages = messages[1:]
	}
	o.waiting[client.Id()] = append(messages, message)
	if !busy {
		waiting, quit := o.waiting, o.quit // the next open has others
		o.senders.Go(func() { o.run(client, waiting, quit) })
	}
}

func (o *outbox) run(client subscriptions.Client, waiting map[string][]subscriptions.Message, quit <-chan struct{}) {
	for {
		o.mu.Lock()
		messages := waiting[client.Id()]
		if len(messages) == 0 {
			delete(waiting, client.Id())
			o.mu.Unlock()
			return
		}
		waiting[client.Id()] = messages[1:]
		o.mu.Unlock()
		sendTo(client, messages[0], quit)
	}
}

// sendTo is client.Send that can be given up.
func sendTo(client subscriptions.Client, message subscriptions.Message, quit <-chan struct{}) {
	if client.IsDiscarded() {
		return
	}
	// A client that is discarded while it is sent to closes its channel.
	defer func() { _ = recover() }()
	select {
	case client.Channel() <- message:
	case <-quit:
	}
}
