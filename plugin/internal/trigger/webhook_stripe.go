package trigger

import (
	"encoding/hex"
	"strings"
)

// maxStripe bounds the work that a header can make.
const maxStripe = 20

// parseStripe reads the header of Stripe: t=TIME,v1=SUM,v1=SUM,…. Other schemes
// are passed over. It is false without one time and at least one sum.
func parseStripe(header string) (timestamp string, sums [][]byte, ok bool) {
	parts := strings.Split(header, ",")
	if len(parts) > maxStripe {
		return "", nil, false
	}
	for _, part := range parts {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			return "", nil, false
		}
		switch name {
		case "t":
			if _, fine := parseTimestamp(value); !fine || timestamp != "" {
				return "", nil, false
			}
			timestamp = value
		case "v1":
			sum, err := hex.DecodeString(value)
			if err != nil || len(sum) == 0 {
				return "", nil, false
			}
			sums = append(sums, sum)
		}
	}
	if timestamp == "" || len(sums) == 0 {
		return "", nil, false
	}
	return timestamp, sums, true
}
