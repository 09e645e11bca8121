package workflow

import (
	"math"
	"time"
)

// Backoff is how the delay between attempts grows.
type Backoff string

const (
	// BackoffConstant waits the same time before every attempt.
	BackoffConstant Backoff = "constant"
	// BackoffLinear waits one delay more every time.
	BackoffLinear Backoff = "linear"
	// BackoffExponential doubles the delay every time (the default).
	BackoffExponential Backoff = "exponential"
)

// Defaults of a retry policy.
const (
	DefaultRetryDelay    = time.Second
	DefaultRetryMaxDelay = time.Hour
)

// Retries says how often and when a failed step is tried again. The zero value
// never does.
type Retries struct {
	// Limit is the number of attempts after the first one.
	Limit int `json:"limit,omitempty"`
	// Delay is the wait before the second attempt. Defaults to 1 second.
	Delay time.Duration `json:"delay,omitempty"`
	// Backoff is how Delay grows. Defaults to exponential.
	Backoff Backoff `json:"backoff,omitempty"`
	// MaxDelay bounds the growth. Defaults to 1 hour, or to Delay if that is longer.
	MaxDelay time.Duration `json:"maxDelay,omitempty"`
	// Jitter spreads every delay at random by up to this part of it, both ways:
	// 0 (the default) to 1.
	Jitter float64 `json:"jitter,omitempty"`
}

// Next returns how long to wait after failed attempts (1 or more) have failed,
// and false when there is no attempt left. Random is in [0,1).
func (r Retries) Next(failed int, random float64) (time.Duration, bool) {
	if failed > r.Limit {
		return 0, false
	}
	delay := float64(r.Delay)
	if r.Delay <= 0 {
		delay = float64(DefaultRetryDelay)
	}
	switch r.Backoff {
	case BackoffConstant:
	case BackoffLinear:
		delay *= float64(failed)
	default:
		delay *= math.Pow(2, float64(failed-1))
	}
	most := r.MaxDelay
	if most <= 0 {
		most = max(DefaultRetryMaxDelay, r.Delay)
	}
	delay = min(delay, float64(most))
	delay *= 1 + r.Jitter*(2*random-1)
	if delay >= math.MaxInt64 {
		return math.MaxInt64, true
	}
	return time.Duration(delay), true
}
