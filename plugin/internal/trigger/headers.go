package trigger

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
)

// The headers of an answer.
const (
	executionsHeader = "X-Workflow-Executions"
	skippedHeader    = "X-Workflow-Skipped"
	messagesHeader   = "X-Workflow-Messages"
)

// writeHeaders tells what was started and what was skipped, in order.
func writeHeaders(h http.Header, results []result) {
	var started, skipped []string
	for _, r := range results {
		name := headerName(r)
		if r.skip != "" {
			skipped = append(skipped, name+"="+string(r.skip))
		} else {
			started = append(started, name+"="+r.id)
		}
	}
	set := func(name string, values []string) {
		if len(values) > 0 {
			h.Set(name, strings.Join(values, ", "))
			expose(h, name)
		}
	}
	set(executionsHeader, started)
	set(skippedHeader, skipped)
}

func headerName(r result) string {
	name := headerSafe(r.ref.Key)
	if r.ref.Path != "" {
		name += pathSeparator + headerSafe(r.ref.Path)
	}
	if r.index != single {
		name = strconv.Itoa(r.index) + ":" + name
	}
	return name
}

// headerSafe escapes what would break the header's own grammar; keys and field
// names never need it.
func headerSafe(s string) string {
	return strings.NewReplacer("+", "%20").Replace(url.QueryEscape(s))
}

// expose lets browsers read a header.
func expose(h http.Header, name string) {
	const expose = "Access-Control-Expose-Headers"
	have := h.Get(expose)
	for part := range strings.SplitSeq(have, ",") {
		if strings.EqualFold(strings.TrimSpace(part), name) || strings.TrimSpace(part) == "*" {
			return
		}
	}
	if have != "" {
		have += ", "
	}
	h.Set(expose, have+name)
}

// writeMessages is the JSON array of ctx.respond's messages, in ASCII.
func writeMessages(h http.Header, messages []string) {
	if len(messages) == 0 {
		return
	}
	raw, err := json.Marshal(messages)
	if err != nil {
		return // strings always encode
	}
	var b strings.Builder
	for _, r := range string(raw) {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r <= 0xffff:
			b.WriteString(escape(r))
		default:
			high, low := utf16.EncodeRune(r)
			b.WriteString(escape(high) + escape(low))
		}
	}
	h.Set(messagesHeader, b.String())
	expose(h, messagesHeader)
}

func escape(r rune) string {
	hex := strconv.FormatInt(int64(r), 16)
	return `\u` + strings.Repeat("0", 4-len(hex)) + hex
}
