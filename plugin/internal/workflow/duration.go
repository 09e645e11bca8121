package workflow

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var durationUnits = []struct {
	suffix string
	unit   time.Duration
}{
	{"ms", time.Millisecond},
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
	{"d", 24 * time.Hour},
	{"w", 7 * 24 * time.Hour},
}

// ParseDuration reads a duration as workflows write it: a number of
// milliseconds, or a string of one non-negative decimal number and one unit
// ("1500ms", "30s", "5m", "2h", "3d", "1w").
//
// Negative values, other units, NaN and anything over time.Duration's range
// (about 292 years) are errors that say what was expected.
func ParseDuration(value any) (time.Duration, error) {
	switch v := value.(type) {
	case int:
		return scaleDuration(float64(v), time.Millisecond, value)
	case int64:
		return scaleDuration(float64(v), time.Millisecond, value)
	case float64:
		return scaleDuration(v, time.Millisecond, value)
	case string:
		for _, u := range durationUnits {
			number, ok := strings.CutSuffix(v, u.suffix)
			if !ok || number == "" || strings.Trim(number, "0123456789.") != "" {
				continue
			}
			n, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return 0, durationError(value)
			}
			return scaleDuration(n, u.unit, value)
		}
	}
	return 0, durationError(value)
}

func scaleDuration(n float64, unit time.Duration, value any) (time.Duration, error) {
	d := n * float64(unit)
	if math.IsNaN(d) || d < 0 || d >= math.MaxInt64 {
		return 0, durationError(value)
	}
	return time.Duration(d), nil
}

func durationError(value any) error {
	return fmt.Errorf(`expected a duration (milliseconds, or "1500ms", "30s", "5m", "2h", "3d", "1w"), got %#v`, value)
}
