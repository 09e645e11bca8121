/// <reference path="../pb_data/workflows.d.ts" />

// One workflow for each of the other triggers; those of the action trigger stand in
// files of their own.

const log = (txApp, message) => txApp.save(new Record(txApp.findCollectionByNameOrId("logs"), { message }));

// Before a write, inside the request: it may change the record, or have nothing
// written. ?triggerWorkflows=tidy-title
workflow("tidy-title", {
    title: "Tidy a title",
    tags: ["demo", "triggers"],
    on: { type: "before", collection: "posts", actions: ["create", "update"] },
}, (ctx) => {
    const title = ctx.record.getString("title").trim();
    if (title.toLowerCase() === "untitled") ctx.fail("give it a title");
    ctx.record.set("title", title);
});

// After any change of a tag, whoever makes it, in the transaction of the change.
workflow("log-tags", {
    title: "Log changed tags",
    tags: ["demo", "triggers"],
    on: { type: "record", collection: "tags", events: ["update"], fields: ["title"], condition: "title != @original.title" },
}, (ctx) => {
    ctx.step.transaction("log", (txApp) => log(txApp, `tag "${ctx.original.title}" is "${ctx.data.title}" now`));
});

// At a time of day. What was missed while the server was off runs once.
workflow("nightly-report", {
    title: "Count the posts",
    tags: ["demo", "triggers"],
    on: { type: "schedule", cron: "30 2 * * *", timezone: "Europe/Berlin", catchUp: "once" },
}, (ctx) => {
    ctx.step.transaction("log", (txApp) => log(txApp, `${txApp.countRecords("posts")} posts on ${ctx.params.scheduledAt}`));
});

// By hand, over one record or many:
// POST /api/collections/posts/records/{id}/trigger?triggerWorkflows=recount
workflow("recount", {
    title: "Count the words of posts",
    tags: ["demo", "triggers"],
    mode: "sync",
    on: { type: "manual", context: "record", collection: "posts" },
}, (ctx) => ctx.data.title.split(/\s+/).length);

// When something outside calls: POST /api/workflows/hooks/ping
workflow("ping", {
    title: "Log a call from outside",
    tags: ["demo", "triggers"],
    on: { type: "webhook", methods: ["POST"], auth: { type: "none" } },
    concurrency: 1,
}, (ctx) => {
    ctx.step.transaction("log", (txApp) => log(txApp, `called with ${ctx.params.rawBody.length} characters`));
});
