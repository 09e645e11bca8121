package trigger

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TestParseStripe: the header of Stripe's documentation, and what is none.
func TestParseStripe(t *testing.T) {
	t.Parallel()
	const sum = "5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd"
	at, sums, ok := parseStripe("t=1492774577,v1=" + sum + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39")
	require.True(t, ok)
	require.Equal(t, "1492774577", at)
	require.Len(t, sums, 1)
	require.Equal(t, sum, hex.EncodeToString(sums[0]))

	_, sums, ok = parseStripe(" v1=aa , t=1 , v1=bb,v2=nonsense")
	require.True(t, ok)
	require.Equal(t, [][]byte{{0xaa}, {0xbb}}, sums)

	for _, bad := range []string{
		"", ",", "t=1", "v1=" + sum, "t=,v1=aa", "t=x,v1=aa", "t=-1,v1=aa", "t=1,v1=", "t=1,v1=a", "t=1,v1=zz", "t=1,t=2,v1=aa",
		"t=1,v1=aa,", "t=1 v1=aa", "T=1,V1=aa", "t=1" + strings.Repeat(",v1=aa", maxStripe), "t=99999999999999999999,v1=aa",
	} {
		_, _, ok := parseStripe(bad)
		require.False(t, ok, bad)
	}
}

// FuzzParseStripe: whatever is sent, nothing breaks; what is accepted has a time
// and sums, and they are those of the header.
func FuzzParseStripe(f *testing.F) {
	for _, seed := range []string{"", "t=1492774577,v1=5257a8,v0=6f", "t=1,v1=aa,v1=bb", "t=1,,v1=aa", "=", "t==,v1==", "t=2020-01-01T00:00:00Z,v1=00", strings.Repeat("v1=aa,", 30)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		at, sums, ok := parseStripe(header)
		if !ok {
			require.Empty(t, sums)
			return
		}
		require.NotEmpty(t, sums)
		require.LessOrEqual(t, len(sums), maxStripe)
		_, fine := parseTimestamp(at)
		require.True(t, fine)
		again := "t=" + at
		for _, sum := range sums {
			require.NotEmpty(t, sum)
			require.Contains(t, strings.ToLower(header), hex.EncodeToString(sum))
			again += ",v1=" + hex.EncodeToString(sum)
		}
		at2, sums2, ok := parseStripe(again)
		require.True(t, ok)
		require.Equal(t, at, at2)
		require.Equal(t, sums, sums2)
	})
}

// TestSignature_Stripe checks a vector that was computed with openssl.
func TestSignature_Stripe(t *testing.T) {
	t.Setenv("SIGNATURE_SECRET", "whsec_test_secret")
	body := []byte(`{"id":"evt_1","object":"event"}`)
	h := &webhook{on: &workflow.Webhook{Auth: workflow.Auth{
		Type: workflow.AuthHMAC, Preset: workflow.PresetStripe, SecretEnv: []string{"SIGNATURE_SECRET"},
		Header: "Stripe-Signature", Algorithm: "sha256", Encoding: "hex", Payload: "{timestamp}.{body}",
	}}}
	r := &http.Request{Header: http.Header{"Stripe-Signature": {"t=1700000000,v1=0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd"}}}
	s, err := h.signatureOf(r)
	require.NoError(t, err)
	require.NoError(t, s.check(&h.on.Auth, body))
	require.Error(t, s.check(&h.on.Auth, append(body, ' ')))
	h.on.Auth.Tolerance = time.Minute
	_, err = h.signatureOf(r)
	require.ErrorContains(t, err, "too old")
}

// TestSignature_PayloadAsItIs: what stands in a body or a header is no
// placeholder.
func TestSignature_PayloadAsItIs(t *testing.T) {
	t.Setenv("SIGNATURE_SECRET", "x")
	h := &webhook{on: &workflow.Webhook{DeliveryHeader: "X-Id", Auth: workflow.Auth{
		Type: workflow.AuthHMAC, SecretEnv: []string{"SIGNATURE_SECRET"}, Header: "X-Sig", Algorithm: "sha256", Encoding: "hex", Payload: "{id}.{body}.{body}",
	}}}
	r := &http.Request{Header: http.Header{"X-Sig": {"aa"}, "X-Id": {"{body}{id}"}}}
	s, err := h.signatureOf(r)
	require.NoError(t, err)
	require.Equal(t, []string{"{body}{id}.", ".", ""}, s.payload)
}

// TestParseTimestamp: seconds, milliseconds and RFC 3339.
func TestParseTimestamp(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int64{
		"0": 0, "1492774577": 1492774577, "1492774577123": 1492774577, "2017-04-21T11:36:17Z": 1492774577, "2017-04-21T13:36:17+02:00": 1492774577,
	} {
		at, ok := parseTimestamp(s)
		require.True(t, ok, s)
		require.Equal(t, want, at.Unix(), s)
	}
	for _, s := range []string{"", "-1", "x", "1.5", " 1", "1e9", "100000000000001", "2017-04-21"} {
		_, ok := parseTimestamp(s)
		require.False(t, ok, s)
	}
}

// TestReadWebhookBody: no more than the limit is ever read.
func TestReadWebhookBody(t *testing.T) {
	t.Parallel()
	source := bytes.NewReader(make([]byte, 1<<20))
	r, err := http.NewRequest(http.MethodPost, "/", source)
	require.NoError(t, err)
	r.ContentLength = -1
	_, err = readWebhookBody(r, 100)
	require.ErrorContains(t, err, "too large")
	require.Equal(t, 1<<20-101, source.Len())
}
