/// <reference path="../pb_data/workflows.d.ts" />

workflow("data", { on: { type: "action", collection: "posts", expand: ["category"] } }, (ctx) => {
    ctx.data.titel; // want TS2551 Property 'titel' does not exist on type 'Posts'
    ctx.data.title.getTime(); // want TS2339 Property 'getTime' does not exist on type 'string'
    ctx.data.tags.toLowerCase(); // want TS2339 Property 'toLowerCase' does not exist on type 'string[]'
    ctx.data.secret; // want TS2339 Property 'secret' does not exist on type 'Posts'
    ctx.data.expand?.category.name; // want TS2339 Property 'name' does not exist on type 'Categories'
    ctx.data.expand?.tags.title; // want TS2339 Property 'title' does not exist on type 'Tags[]'
    ctx.data.expand?.author; // want TS2339 Property 'author' does not exist
    ctx.original.titel; // want TS2551 Property 'titel' does not exist on type 'Posts'
    if (ctx.action === "upsert") {} // want TS2367 have no overlap
    ctx.dat; // want TS2551 Property 'dat' does not exist
    ctx.data = null; // want TS2540 'data' because it is a read-only property
    ctx.record; // want TS2339 Property 'record' does not exist
    ctx.user.nickname; // want TS2339 Property 'nickname' does not exist
    ctx.user.role === "admin"; // want TS2367 have no overlap
    ctx.execution.number; // want TS2339 Property 'number' does not exist on type 'ExecutionInfo'
    ctx.log.warning("a message"); // want TS2339 Property 'warning' does not exist on type 'Log'
    ctx.respond(7); // want TS2345 Argument of type 'number'
    ctx.fail(); // want TS2554 Expected 1-2 arguments
    ctx.respondWith({ status: 200 }); // want TS2339 Property 'respondWith' does not exist
});

workflow("before", { on: { type: "before", collection: "posts", actions: ["create", "update"] } }, (ctx) => {
    ctx.data.titel; // want TS2551 Property 'titel' does not exist
    ctx.record.sett("title", "A title"); // want TS2551 Property 'sett' does not exist
});

workflow("records", { on: { type: "manual", context: "records", collection: "posts" } }, (ctx) => {
    ctx.data.title; // want TS2339 Property 'title' does not exist on type 'Posts[]'
    ctx.data[0].titel; // want TS2551 Property 'titel' does not exist on type 'Posts'
});

workflow("webhook", { mode: "sync", on: { type: "webhook", auth: { type: "none" } } }, (ctx) => {
    ctx.params.header; // want TS2551 Property 'header' does not exist on type 'WebhookParams'
    ctx.respondWith({ code: 200 }); // want TS2353 'code' does not exist in type 'WebhookResponse'
});

workflow("async-webhook", { on: { type: "webhook", auth: { type: "none" } } }, (ctx) => {
    ctx.respondWith({ status: 200 }); // want TS2339 Property 'respondWith' does not exist
});

workflow("schedule", { on: { type: "schedule", cron: "@daily" } }, (ctx) => {
    ctx.params.at; // want TS2339 Property 'at' does not exist on type 'ScheduleParams'
});
