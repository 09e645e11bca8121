/// <reference path="../pb_data/workflows.d.ts" />

// The response waits for it. Failing turns the answer into a 400; the record
// stays saved, because the action was done (use mode "transaction" to undo it):
//   POST /api/collections/posts/records?triggerWorkflows=check-title

workflow("check-title", {
    title: "Refuse shouting titles",
    tags: ["demo"],
    on: { type: "action", collection: "posts", actions: ["create", "update"] },
    mode: "sync",
}, (ctx) => {
    if (ctx.data.title === ctx.data.title.toUpperCase()) {
        ctx.fail("please do not shout");
    }
    ctx.respond("the title is fine"); // header X-Workflow-Messages
});
