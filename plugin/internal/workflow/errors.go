package workflow

import "errors"

// ErrGone says that an execution can't be written any more: its row was
// deleted or has a final status already.
var ErrGone = errors.New("the execution is gone or has ended")

// ErrStepConflict says that a step is already recorded with another result.
// The recorded one stays.
var ErrStepConflict = errors.New("the step is already recorded with another result")

// ErrTokenUsed says that the single-use URL of an event was used already.
var ErrTokenUsed = errors.New("the URL was used already")

// ErrLost is why a branch of a parallel step stops: another one has decided it.
var ErrLost = errors.New("another branch was first")

// ErrTorn says that a write has failed and left a part of itself behind.
var ErrTorn = errors.New("a part was written")
