/// <reference path="../pb_data/workflows.d.ts" />

workflow("unknown-option", {
    titel: "A title", // want TS2561 'titel' does not exist
    on: { type: "action", collection: "posts" },
}, (ctx) => {});

workflow("no-trigger", { title: "A title" }, (ctx) => {}); // want TS2345 Property 'on' is missing

workflow("wrong-type-of-title", {
    title: 7, // want TS2322 Type 'number' is not assignable to type 'string'
    on: { type: "action", collection: "posts" },
}, (ctx) => {});

workflow("wrong-mode", {
    mode: "later", // want TS2322 Type '"later"' is not assignable
    on: { type: "action", collection: "posts" },
}, (ctx) => {});

workflow("mode-of-another-trigger", {
    mode: "sync", // want TS2820 Type '"sync"' is not assignable to type '"async" | "transaction"'
    on: { type: "record", collection: "posts" },
}, (ctx) => {});

workflow("wrong-duration", {
    timeout: "5 minutes", // want TS2322 is not assignable to type 'Duration'
    on: { type: "action", collection: "posts" },
}, (ctx) => {});

workflow("wrong-backoff", {
    retries: { limit: 3, backoff: "expo" }, // want TS2322 Type '"expo"' is not assignable
    on: { type: "action", collection: "posts" },
}, (ctx) => {});

workflow("retries-without-limit", {
    retries: { delay: "2s" }, // want TS2322 Property 'limit' is missing
    on: { type: "action", collection: "posts" },
}, (ctx) => {});

workflow("wrong-status", {
    retention: { statuses: { complete: "1d" } }, // want TS2561 'complete' does not exist
    on: { type: "action", collection: "posts" },
}, (ctx) => {});

workflow("queue-before-a-write", {
    dedup: "data.id", // want TS2353 'dedup' does not exist
    on: { type: "before", collection: "posts" },
}, (ctx) => {});

workflow("rule-of-a-webhook", {
    rule: null, // want TS2353 'rule' does not exist
    on: { type: "webhook", auth: { type: "none" } },
}, (ctx) => {});

workflow("no-handler", { on: { type: "action", collection: "posts" } }); // want TS2554 Expected 3 arguments

workflow(7, { on: { type: "action", collection: "posts" } }, (ctx) => {}); // want TS2345 Argument of type 'number'
