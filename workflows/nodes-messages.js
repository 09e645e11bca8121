/// <reference path="../pb_data/workflows.d.ts" />

// NocoBase's nodes that tell somebody something.

const onPosts = /** @type {const} */ ({ tags: ["demo", "nodes"], on: { type: "action", collection: "posts" } });

// Sent as the settings of the app say, from the sender named there.
workflow("node-mail", { ...onPosts, title: "E-mail", rule: null }, (ctx) => {
    ctx.step.run("tell the editors", { retries: { limit: 5, delay: "1m", backoff: "exponential" } }, () => $workflows.mail({
        to: $app.findRecordsByFilter("users", "role = 'editor'", "", 0, 0), // or "Ada <ada@example.com>"
        subject: `New: ${ctx.data.title}`,
        html: `<p>Read it <a href="${$app.settings().meta.appURL}/posts/${ctx.data.id}">here</a>.</p>`,
    }));
});

// To all browsers of the user that listen: pb.realtime.subscribe("notices", (notice) => …)
workflow("node-notification", { ...onPosts, title: "Notification" }, (ctx) => {
    return ctx.step.run("notify", () => $workflows.notify(ctx.user, "notices", { text: `"${ctx.data.title}" is saved` }));
});

// For the client that waits for a sync workflow: header X-Workflow-Messages.
workflow("node-response-message", { ...onPosts, title: "Response message", mode: "sync" }, (ctx) => {
    ctx.respond(`"${ctx.data.title}" has ${ctx.data.title.length} letters`);
});
