/// <reference path="../pb_data/workflows.d.ts" />

// NocoBase's nodes that ask people, and those that answer somebody from outside.

const editors = { role: "editor" }; // everybody who has this role when the task is made

// A form to be filled in: GET /api/workflows/tasks, POST /api/workflows/tasks/{id}
workflow("node-manual", {
    title: "Manual",
    tags: ["demo", "nodes"],
    on: { type: "action", collection: "posts" },
}, (ctx) => {
    const answer = ctx.step.task("rate it", {
        title: `Rate "${ctx.data.title}"`,
        assignees: editors,
        fields: [{ name: "stars", type: "number", required: true, min: 1, max: 5 }, { name: "why", type: "text" }],
        actions: ["rate"],
    });
    ctx.step.transaction("keep the stars", (txApp) => {
        const post = txApp.findRecordById("posts", ctx.data.id);
        post.set("views", answer.values.stars);
        txApp.save(post);
    });
    return answer.values;
});

// Several people, one after another, within two days. A "no" is an error that can
// be caught; nobody catches it here: the execution ends as rejected.
workflow("node-approval", {
    title: "Approval",
    tags: ["demo", "nodes"],
    on: { type: "manual", context: "record", collection: "posts" },
}, (ctx) => {
    const answer = ctx.step.task("approve", {
        title: `May "${ctx.data.title}" go out?`,
        assignees: [ctx.user, editors],
        order: "sequential",
        quorum: "all",
        dueIn: "2d",
        onDue: "reject",
    });
    return answer.answers.length;
});

// Who gets a copy sees the task and confirms to have read it, but does not decide.
workflow("node-cc", {
    title: "CC",
    tags: ["demo", "nodes"],
    on: { type: "action", collection: "posts" },
}, (ctx) => {
    return ctx.step.task("look", { title: ctx.data.title, assignees: ctx.user, cc: editors, actions: ["seen"] }).action;
});

// POST /api/workflows/hooks/node-webhook-response. What it does is open to anyone;
// a hook that matters has auth: { type: "hmac", preset: "github", secretEnv: "…" }.
workflow("node-webhook-response", {
    title: "Webhook response",
    tags: ["demo", "nodes"],
    mode: "sync",
    on: { type: "webhook", auth: { type: "none" } },
}, (ctx) => {
    const posts = $app.countRecords("posts");
    ctx.respondWith({ status: 201, headers: { "X-Posts": String(posts) }, body: { hello: ctx.data?.name ?? "you", posts } });
});
