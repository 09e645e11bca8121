/// <reference path="../pb_data/workflows.d.ts" />

// Global: runs on every create, update and delete of a post over REST, whether
// a request names it or not.

workflow("audit-posts", {
    title: "Keep an audit log of posts",
    tags: ["demo"],
    on: { type: "action", collection: "posts", global: true, actions: ["create", "update", "delete"] },
}, (ctx) => {
    ctx.step.transaction("write a log", (txApp) => {
        const log = new Record(txApp.findCollectionByNameOrId("logs"));
        const who = ctx.user ? `${ctx.user.collectionName}/${ctx.user.id}` : "a guest";
        log.set("message", `${ctx.action} of post ${ctx.data.id} by ${who}`);
        txApp.save(log);
    });
});
