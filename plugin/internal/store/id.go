package store

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

const (
	idAlphabet   = "0123456789abcdefghijklmnopqrstuvwxyz"
	idTimeDigits = 9
	idTailDigits = 6
	idTails      = 36 * 36 * 36 * 36 * 36 * 36
)

// ids is shared by all apps of a process: ids only have to be distinct and in
// order, so two apps taking turns do no harm.
var ids idSource

// NewID returns a record id: 15 characters [a-z0-9], the time in milliseconds
// followed by a tail that starts at random. Ids sort by time; those of one
// process are strictly increasing, also when the clock steps back.
func NewID() string { return ids.next(time.Now()) }

type idSource struct {
	mu   sync.Mutex
	ms   int64
	tail uint64
}

func (s *idSource) next(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()

	if ms := now.UnixMilli(); ms > s.ms {
		s.ms, s.tail = ms, randomTail()
	} else if s.tail++; s.tail == idTails {
		s.ms, s.tail = s.ms+1, 0
	}
	var id [idTimeDigits + idTailDigits]byte
	putBase36(id[:idTimeDigits], uint64(s.ms))
	putBase36(id[idTimeDigits:], s.tail)
	return string(id[:])
}

func randomTail() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return binary.LittleEndian.Uint64(b[:]) % idTails
}

func putBase36(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = idAlphabet[n%36]
		n /= 36
	}
}
