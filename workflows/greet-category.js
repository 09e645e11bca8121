/// <reference path="../pb_data/workflows.d.ts" />

// Is about a category, reached over the relation of the saved post:
//   POST /api/collections/posts/records?triggerWorkflows=greet-category!category

workflow("greet-category", {
    title: "Note that a category is in use",
    tags: ["demo"],
    on: { type: "action", collection: "categories" },
}, (ctx) => {
    ctx.step.transaction("write a log", (txApp) => {
        const log = new Record(txApp.findCollectionByNameOrId("logs"));
        log.set("message", `category "${ctx.data.title}" was used (${ctx.path || "saved itself"})`);
        txApp.save(log);
    });
    return { category: ctx.data.title };
});
