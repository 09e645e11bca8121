package plugin_test

import "testing"

// BenchmarkBefore compares, over HTTP on loopback with 8 connections:
//
//	plain     a create that names nothing, with a before workflow loaded
//	sync      one that waits for a before workflow which changes the record
//	inside    the same in mode transaction
//	hook      the same change by a pb_hooks handler
func BenchmarkBefore(b *testing.B) {
	guard := map[string]string{"guard.js": `
const on = { type: "before", collection: "bench" };
const change = (ctx) => { if (!ctx.data.title) ctx.fail("No title."); ctx.record.set("message", ctx.data.title) };
workflow("guard", { on, rule: "" }, change);
workflow("inside", { on, rule: "", mode: "transaction" }, change);`}
	const hook = `onRecordCreateRequest((e) => { e.record.set("message", e.record.get("title")); return e.next() }, "bench");`
	for _, c := range []struct {
		name, query string
		setup       benchSetup
	}{
		{"plain", "", benchSetup{plugin: true, workflows: guard}},
		{"sync", "?triggerWorkflows=guard", benchSetup{plugin: true, workflows: guard}},
		{"inside", "?triggerWorkflows=inside", benchSetup{plugin: true, workflows: guard}},
		{"hook", "", benchSetup{hook: hook}},
	} {
		b.Run(c.name, func(b *testing.B) { benchCreate(b, c.setup, c.query, nil, nil) })
	}
}
