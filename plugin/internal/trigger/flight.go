package trigger

import (
	"context"
	"sync"
)

// flights lets one request at a time of each digest be under way in this
// process.
type flights struct {
	mu       sync.Mutex
	underWay map[string]chan struct{}
}

// enter waits until no other request of the digest is under way; leave, which
// may be called again and again, lets the next one in. The error is ctx's.
func (f *flights) enter(ctx context.Context, digest string) (leave func(), err error) {
	for {
		f.mu.Lock()
		other, busy := f.underWay[digest]
		if !busy {
			if f.underWay == nil {
				f.underWay = map[string]chan struct{}{}
			}
			own := make(chan struct{})
			f.underWay[digest] = own
			f.mu.Unlock()
			return sync.OnceFunc(func() {
				f.mu.Lock()
				delete(f.underWay, digest)
				f.mu.Unlock()
				close(own)
			}), nil
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
