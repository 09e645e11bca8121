package engine

// limiter keeps the executions of a group from being in progress side by side
// in greater number than its limit. A parked execution keeps its place.
type limiter struct {
	inside  map[string]map[string]struct{} // ids by group
	group   map[string]string              // group by id
	blocked map[string][]*entry            // by group, in order
}

func newLimiter() *limiter {
	return &limiter{inside: map[string]map[string]struct{}{}, group: map[string]string{}, blocked: map[string][]*entry{}}
}

// maxBlocked is how many blocked executions of a group stay in memory.
const maxBlocked = 64

// enter takes a place for the entry's execution; false puts the entry aside
// until one is free.
func (l *limiter) enter(e *entry) bool {
	in := l.inside[e.group]
	if _, ok := in[e.id]; ok {
		return true
	}
	if len(in) >= e.limit {
		if len(l.blocked[e.group]) >= maxBlocked {
			e.x = nil // it will take long: its id is enough
		}
		l.blocked[e.group] = append(l.blocked[e.group], e)
		return false
	}
	l.occupy(e.group, e.id)
	return true
}

func (l *limiter) occupy(group, id string) {
	if l.inside[group] == nil {
		l.inside[group] = map[string]struct{}{}
	}
	l.inside[group][id] = struct{}{}
	l.group[id] = group
}

// leave gives a place back and returns the entry that has it now, or nil.
func (l *limiter) leave(id string) *entry {
	group, ok := l.group[id]
	if !ok {
		return nil
	}
	delete(l.group, id)
	delete(l.inside[group], id)
	next := l.next(group)
	if next != nil {
		l.occupy(group, next.id)
	} else if len(l.inside[group]) == 0 {
		delete(l.inside, group)
	}
	return next
}

// next takes out the entry that is blocked longest.
func (l *limiter) next(group string) *entry {
	list := l.blocked[group]
	if len(list) == 0 {
		return nil
	}
	e := list[0]
	if l.blocked[group] = list[1:]; len(list) == 1 {
		delete(l.blocked, group)
	}
	return e
}

// drop forgets blocked entries.
func (l *limiter) drop(gone map[string]struct{}) {
	for group, list := range l.blocked {
		kept := list[:0]
		for _, e := range list {
			if _, is := gone[e.id]; !is {
				kept = append(kept, e)
			}
		}
		if l.blocked[group] = kept; len(kept) == 0 {
			delete(l.blocked, group)
		}
	}
}
