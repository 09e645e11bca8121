/// <reference path="../pb_data/workflows.d.ts" />

// Takes as long as the reviewer does. While it waits it is a row in the
// database: no goroutine, no memory, and a restart changes nothing.
//   POST /api/collections/posts/records?triggerWorkflows=review-post
//   POST /api/workflows/executions/{id}/events/reviewed   {"stars": 5}

workflow("review-post", {
    title: "Publish a post once it is reviewed",
    tags: ["demo"],
    on: { type: "action", collection: "posts" },
    retries: { limit: 3, delay: "2s", backoff: "exponential" }, // of every step
    timeout: "7d",
    concurrency: { limit: 100 },
    dedup: "data.id", // one review of a post at a time
}, (ctx) => {
    const review = ctx.step.waitForEvent("review", { event: "reviewed", if: "event.stars > 0", timeout: "3d" });
    if (review === null) {
        ctx.fail("nobody reviewed the post");
    }
    ctx.step.sleep("let it settle", "100ms");

    // The branches run side by side, each with steps of its own.
    const done = ctx.step.parallel("publish", {
        post: () => ctx.step.invoke("publish", "publish-post", { data: ctx.data }),
        log: () => ctx.step.transaction("write a log", (txApp) => {
            const log = new Record(txApp.findCollectionByNameOrId("logs"));
            log.set("message", `post ${ctx.data.id} got ${review.stars} stars`);
            txApp.save(log);
        }),
    });
    return { stars: review.stars, slug: done.post.slug };
});
