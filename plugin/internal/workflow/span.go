package workflow

import (
	"strconv"
	"strings"
	"time"
)

// Span is a duration, which may be negative, that is written as workflows write
// it: "-30m".
type Span time.Duration

// ParseSpan reads what ParseDuration reads, with an optional sign before it.
func ParseSpan(value any) (Span, error) {
	sign := Span(1)
	switch v := value.(type) {
	case string:
		if rest, ok := strings.CutPrefix(v, "-"); ok {
			sign, value = -1, rest
		} else if rest, ok := strings.CutPrefix(v, "+"); ok {
			value = rest
		}
	case int64:
		if v < 0 {
			sign, value = -1, -v
		}
	case float64:
		if v < 0 {
			sign, value = -1, -v
		}
	}
	d, err := ParseDuration(value)
	return sign * Span(d), err
}

// MarshalText writes the largest unit that fits.
func (s Span) MarshalText() ([]byte, error) {
	sign, d := "", time.Duration(s)
	if d < 0 {
		sign, d = "-", -d
	}
	for i := len(durationUnits) - 1; i > 0; i-- {
		if u := durationUnits[i]; d != 0 && d%u.unit == 0 {
			return []byte(sign + strconv.FormatInt(int64(d/u.unit), 10) + u.suffix), nil
		}
	}
	return []byte(sign + strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64) + "ms"), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Span) UnmarshalText(text []byte) error {
	v, err := ParseSpan(string(text))
	*s = v
	return err
}
