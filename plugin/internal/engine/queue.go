package engine

import (
	"slices"
	"sync/atomic"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// entry is one execution that waits for its turn. Beyond what memory may hold it
// is known by its id only.
type entry struct {
	id       string
	workflow string
	// stored entries may have a journal: an earlier run left them behind.
	stored bool
	x      *workflow.Execution
	// known is true once group and limit are: what the execution's policy says.
	known bool
	group string
	limit int
}

// judge notes the policy of the entry's execution.
func (n *entry) judge(policy func(*workflow.Execution) Policy) {
	if n.x == nil || n.known {
		return
	}
	p := policy(n.x)
	n.known, n.group, n.limit = true, p.Group, p.Limit
}

// lane is the queue of one workflow. The entries in front are loaded, those from
// loaded on are ids.
type lane struct {
	workflow string
	waiting  []*entry
	loaded   int
	// inFlight counts those that were taken and have not ended or parked.
	inFlight int
	// opening is an entry that was taken before its policy was known: until it is,
	// no other one is taken, so that a group keeps its order.
	opening *entry
	// busy counts their scripts that have a slot or keep the CPU without one.
	busy atomic.Int64
}

// queue decides which execution is next: of the workflows with the highest
// priority that may run, each in turn. It holds no locks and waits for nothing.
type queue struct {
	lanes map[string]*lane
	turn  []*lane // those that have waiting entries, in order
	limit int     // how many entries are loaded at most
	// loaded counts the loaded entries of all lanes, size all entries.
	loaded, size int
}

func newQueue(limit int) *queue { return &queue{lanes: map[string]*lane{}, limit: limit} }

func (q *queue) lane(workflow string) *lane {
	l := q.lanes[workflow]
	if l == nil {
		l = &lane{workflow: workflow}
		q.lanes[workflow] = l
	}
	return l
}

// push puts an entry at the end of its lane, as an id if memory is full.
func (q *queue) push(e *entry) {
	l := q.lane(e.workflow)
	if e.x != nil && (q.loaded >= q.limit || l.loaded < len(l.waiting)) {
		e.x = nil
	}
	if e.x != nil {
		l.loaded++
		q.loaded++
	}
	if len(l.waiting) == 0 {
		q.turn = append(q.turn, l)
	}
	l.waiting = append(l.waiting, e)
	q.size++
}

// pushFront gives back an entry whose turn it was.
func (q *queue) pushFront(e *entry) {
	l := q.lane(e.workflow)
	if e.x != nil {
		l.loaded++
		q.loaded++
	} else if l.loaded > 0 { // only those in front are loaded: the others are read again
		for _, n := range l.waiting[:l.loaded] {
			n.x = nil
		}
		q.loaded -= l.loaded
		l.loaded = 0
	}
	if len(l.waiting) == 0 {
		q.turn = append(q.turn, l)
	}
	l.waiting = slices.Insert(l.waiting, 0, e)
	q.size++
}

// pop takes the next entry of a lane that may run, or nil.
func (q *queue) pop(may func(*lane) bool, priority func(workflow string) int) *entry {
	best, most := -1, 0
	for i, l := range q.turn {
		if !may(l) {
			continue
		}
		if p := priority(l.workflow); best < 0 || p > most {
			best, most = i, p
		}
	}
	if best < 0 {
		return nil
	}
	l := q.turn[best]
	q.turn = slices.Delete(q.turn, best, best+1)
	e := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	q.size--
	if l.loaded > 0 {
		l.loaded--
		q.loaded--
	}
	if len(l.waiting) > 0 {
		q.turn = append(q.turn, l)
	}
	return e
}

// unloaded lists the ids at most n of which are worth loading now.
func (q *queue) unloaded(n int) (found []*entry) {
	n = min(n, q.limit-q.loaded)
	for _, l := range q.turn {
		for i := l.loaded; i < len(l.waiting) && n > 0; i++ {
			found = append(found, l.waiting[i])
			n--
		}
	}
	return found
}

// settle counts the loaded entries of the lanes anew after some were loaded or
// dropped.
func (q *queue) settle(gone map[string]struct{}) {
	q.loaded, q.size = 0, 0
	for _, l := range q.lanes {
		if len(gone) > 0 {
			l.waiting = slices.DeleteFunc(l.waiting, func(e *entry) bool { _, is := gone[e.id]; return is })
		}
		l.loaded = 0
		for l.loaded < len(l.waiting) && l.waiting[l.loaded].x != nil {
			l.loaded++
		}
		q.loaded += l.loaded
		q.size += len(l.waiting)
	}
	q.turn = slices.DeleteFunc(q.turn, func(l *lane) bool { return len(l.waiting) == 0 })
}

// clear drops all entries.
func (q *queue) clear() {
	for _, l := range q.lanes {
		l.waiting, l.loaded = nil, 0
	}
	q.turn, q.loaded, q.size = nil, 0, 0
}
