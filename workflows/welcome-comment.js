/// <reference path="../pb_data/workflows.d.ts" />

// Started by pb_hooks/main.pb.js with $workflows.trigger, not by a request.

workflow("welcome-comment", {
    title: "Log a new comment",
    tags: ["demo"],
    on: { type: "action", collection: "comments", expand: ["post"] },
    rule: null, // no client may name it
}, (ctx) => {
    ctx.step.transaction("write a log", (txApp) => {
        const log = new Record(txApp.findCollectionByNameOrId("logs"));
        log.set("message", `a comment on "${ctx.data.expand?.post?.title}"`);
        txApp.save(log);
    });
});
