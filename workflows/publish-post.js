/// <reference path="../pb_data/workflows.d.ts" />

// Runs after the response, for requests that name it:
//   POST /api/collections/posts/records?triggerWorkflows=publish-post

const slugify = (s) => s.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");

workflow("publish-post", {
    title: "Publish a post",
    tags: ["demo"],
    on: { type: "action", collection: "posts", expand: ["category"] },
    timeout: "5m",
}, (ctx) => {
    // A step's result is journaled: after a crash it is not computed again.
    const slug = ctx.step.run("make slug", () => slugify(ctx.data.title));

    // The write and the journal entry commit together: exactly once.
    ctx.step.transaction("save slug", (txApp) => {
        const post = txApp.findRecordById("posts", ctx.data.id);
        post.set("slug", slug);
        txApp.save(post);
    });

    ctx.log.info("published", { slug, by: ctx.user?.id, as: ctx.roleName });
    return { slug };
});
