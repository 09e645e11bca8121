/// <reference path="../pb_data/workflows.d.ts" />

// NocoBase's HTTP request node. The answer is { statusCode, headers, json, text };
// a status of 400 or more is an error. Addresses and secrets belong into the
// environment.

const service = $os.getenv("DEMO_SERVICE_URL") || "https://httpbin.org/anything";
const onPosts = /** @type {const} */ ({ tags: ["demo", "nodes"], on: { type: "action", collection: "posts" }, rule: null });

workflow("node-http", { ...onPosts, title: "HTTP request" }, (ctx) => {
    const found = ctx.step.http("look up", { url: service, query: { title: ctx.data.title, page: 1 } });
    const created = ctx.step.http("create", { url: service, method: "POST", json: { title: ctx.data.title, tags: ctx.data.tags } });
    const replaced = ctx.step.http("replace", { url: service, method: "PUT", form: { title: ctx.data.title, tag: ["a", "b"] } });
    const changed = ctx.step.http("change", {
        url: service,
        method: "PATCH",
        headers: { Authorization: "Bearer " + $os.getenv("DEMO_SERVICE_TOKEN") },
        multipart: { title: ctx.data.title, file: $filesystem.fileFromBytes(ctx.data.content, "content.html") },
    });
    ctx.step.http("delete", { url: service, method: "DELETE" });
    return [found, created, replaced, changed].map((answer) => answer.json);
});

// A server that is at fault, busy or silent is asked again, as often as retries
// say and, if it says so itself, when it wants to be; another error is final.
workflow("node-http-retries", { ...onPosts, title: "HTTP request: retries" }, (ctx) => {
    const answer = ctx.step.http("ask", { url: service + "/busy", retries: { limit: 3, delay: "100ms" } });
    return answer.text;
});

workflow("node-http-ignore", { ...onPosts, title: "HTTP request: time-out, and going on in spite of a failure" }, (ctx) => {
    const slow = ctx.step.http("do not wait", { url: service + "/slow", timeout: "1s", ignoreFailure: true });
    const missing = ctx.step.http("do not mind", { url: service + "/missing", ignoreFailure: true });
    return { slow: slow.error, missing: missing.statusCode };
});
