/// <reference path="../pb_data/workflows.d.ts" />

workflow("unknown-trigger", {
    on: { type: "acton", collection: "posts" }, // want TS2820 Type '"acton"' is not assignable
}, (ctx) => {});

workflow("unknown-collection", {
    on: { type: "action", collection: "postz" }, // want TS2820 Type '"postz"' is not assignable
}, (ctx) => {});

workflow("no-collection", {
    on: { type: "action" }, // want TS2322 Property 'collection' is missing
}, (ctx) => {});

workflow("unknown-option", {
    on: { type: "action", collection: "posts", colour: "red" }, // want TS2353 'colour' does not exist
}, (ctx) => {});

workflow("option-of-another-trigger", {
    on: { type: "action", collection: "posts", events: ["create"] }, // want TS2353 'events' does not exist
}, (ctx) => {});

workflow("unknown-action", {
    on: { type: "action", collection: "posts", actions: ["upsert"] }, // want TS2322 Type '"upsert"' is not assignable
}, (ctx) => {});

workflow("unknown-field", {
    on: { type: "record", collection: "posts", fields: ["titel"] }, // want TS2820 Type '"titel"' is not assignable
}, (ctx) => {});

workflow("no-relation", {
    on: { type: "action", collection: "posts", expand: ["title"] }, // want TS2322 Type '"title"' is not assignable
}, (ctx) => {});

workflow("no-table", {
    on: { type: "action", collection: "post_counts" }, // want TS2322 is not assignable to type 'never'
}, (ctx) => {});

workflow("no-date", {
    on: { type: "schedule", collection: "posts", field: "title" }, // want TS2322 Type '"title"' is not assignable
}, (ctx) => {});

workflow("two-schedules", {
    on: { type: "schedule", cron: "@daily", interval: "1h" }, // want TS2322 is not assignable
}, (ctx) => {});

workflow("wrong-catch-up", {
    on: { type: "schedule", cron: "@daily", catchUp: "some" }, // want TS2322 Type '"some"' is not assignable
}, (ctx) => {});

workflow("no-auth", {
    on: { type: "webhook", methods: ["POST"] }, // want TS2322 Property 'auth' is missing
}, (ctx) => {});

workflow("secret-in-the-source", {
    on: { type: "webhook", auth: { type: "bearer", secret: "hunter2" } }, // want TS2353 'secret' does not exist
}, (ctx) => {});

workflow("wrong-method", {
    on: { type: "webhook", methods: ["post"], auth: { type: "none" } }, // want TS2820 Type '"post"' is not assignable
}, (ctx) => {});

workflow("wrong-context", {
    on: { type: "manual", context: "recrod", collection: "posts" }, // want TS2820 Type '"recrod"' is not assignable
}, (ctx) => {});

workflow("collection-without-records", {
    on: { type: "manual", collection: "posts" }, // want TS2322 is not assignable to type 'never'
}, (ctx) => {});
