/// <reference path="../pb_data/workflows.d.ts" />

// What the types must let through.

/** @param {Workflows.Records.Posts} post */
const shout = (post) => post.title.toUpperCase();

workflow("everything", {
    title: "Everything",
    description: "All options of all workflows",
    tags: ["a", "b"],
    enabled: false,
    mode: "async",
    rule: "@request.auth.verified = true",
    timeout: 5000,
    retries: { limit: 3, delay: "1.5s", backoff: "linear", maxDelay: "1m", jitter: true },
    concurrency: { limit: 2, key: "data.category" },
    dedup: { key: "data.id", policy: "replace" },
    priority: -5,
    onFailure: "failed",
    retention: { age: "30d", count: 1000, statuses: { failed: "1w", error: { count: 5 } } },
    allowReentry: true,
    on: {
        type: "action", collection: "posts", global: true, actions: ["update"], condition: "title != ''",
        fields: ["title", "secret"], expand: ["category", "tags", "comments_via_post", "category.posts_via_category"],
    },
}, (ctx) => {
    const { data, original, user } = ctx;
    /** @type {"update"} */
    const action = ctx.action;
    /** @type {"posts"} */
    const collection = ctx.collection;
    ctx.log.info(shout(data), { was: original.title.length, action, collection, path: ctx.path.length });
    ctx.log.debug(`${data.expand?.category?.title.trim()} ${data.expand?.tags?.map((t) => t.title.trim())}`);
    ctx.log.warn(data.expand?.comments_via_post?.[0]?.expand?.post?.title.trim() ?? "none");
    ctx.log.error(`${data.place.lat.toFixed(2)} ${data.place.lon.toFixed(2)} ${data.rating.toFixed(1)} ${data.extra.any.thing} ${data.files.length}`);
    if (data.state === "draft" || data.state === "" || data.flags.includes("hot") || data.featured === true) {
        ctx.respond(data.published.slice(0, 10) + data.cover.trim());
    }
    if (user?.collectionName === "users") {
        /** @type {"editor" | "member" | ""} */
        const role = user.role;
        ctx.respond(role + user.email?.trim() + user.verified + user.avatar + ctx.roleName.trim());
    }
    ctx.respond(user?.name ?? ctx.execution.id + ctx.execution.attempt.toFixed() + ctx.execution.startedAt.trim());
    if (!user) {
        return ctx.fail("nobody", { status: 1 });
    }
    return ctx.end({ any: "thing" });
});

workflow("steps", { on: { type: "record", collection: "posts", events: ["create", "delete"], fields: [] }, mode: "transaction" }, async (ctx) => {
    const n = ctx.step.run("one", () => 1).toFixed(0);
    const two = await ctx.step.run("two", { retries: 2, timeout: "10s" }, async () => 2 + ctx.step.idempotencyKey.length);
    const id = ctx.step.transaction("three", { retries: { limit: 1 } }, (txApp) => {
        const record = new Record(txApp.findCollectionByNameOrId("logs"), { message: "a" });
        txApp.save(record);
        return record.id;
    });
    const minutes = 5;
    ctx.step.sleep("four", `${minutes}m`);
    ctx.step.sleepUntil("five", new DateTime().addDate(0, 0, 1));
    ctx.step.sleepUntil("five", new Date());
    ctx.step.sleepUntil("five", ctx.data.created);
    const event = ctx.step.waitForEvent("six", { event: "reviewed", if: "event.stars > 3", timeout: "3d" });
    const url = ctx.step.eventUrl("reviewed", { expires: "1d" }).trim();
    const output = ctx.step.invoke("seven", "everything", { data: ctx.data });
    const child = ctx.step.invoke("eight", "everything", { wait: false }).trim();
    const all = ctx.step.parallel("nine", { a: () => 1, b: async () => "b" });
    const list = ctx.step.parallel("ten", [() => 1, () => "b"]);
    const any = ctx.step.parallel("eleven", { a: () => "a", b: () => "b" }, { mode: "race" }).trim();
    const settled = ctx.step.parallel("twelve", { a: () => 1 }, { mode: "settled" }).a;
    const how = settled.status === "fulfilled" ? settled.value.toFixed() : settled.reason.message.trim();
    const lengths = ctx.step.map("thirteen", ["a", "b"], (item, i) => item.length + i, { concurrency: 2 });
    const titles = ctx.step.map("fourteen", $app.findAllRecords("posts"), (post) => post.getString("title").trim());
    const task = ctx.step.task("fifteen", {
        assignees: [ctx.user, "users/123", { role: "editor" }], title: "Review", description: "Please", quorum: "60%", order: "sequential",
        fields: [{ name: "stars", type: "number", required: true, min: 1, max: 5 }, { name: "why", type: "select", values: ["a"] }],
        actions: ["approve", { key: "back", label: "Send back", rejects: true }], dueIn: "2d", onDue: "fail", cc: "users/456", notify: false,
    });
    const answer = ctx.step.http("sixteen", {
        url: "https://example.com", method: "POST", query: { a: 1, b: ["c", true] }, headers: { Accept: "text/plain" }, json: { a: [1] },
        timeout: "5s", ignoreFailure: true, retries: { limit: 2 },
    });
    return {
        n, two: two.toFixed(), id: id.trim(), event: event.stars, url, output: output.slug, child, a: all.a.toFixed(), b: all.b.trim(),
        list: list[0].toFixed() + list[1].trim(), any, how, lengths: lengths[0].toFixed(), titles: titles[0].trim(),
        task: task?.values.stars + task.answers.map((a) => a.by).join(), answer: answer.text ?? answer.json.any + answer.statusCode.toFixed(),
    };
});

workflow("before", { on: { type: "before", collection: "users", actions: ["create", "update"] }, mode: "transaction" }, (ctx) => {
    ctx.record.set("name", ctx.data.name ?? ctx.record.getString("name"));
    ctx.log.info(`${ctx.data["role+"]} ${ctx.original?.name.trim()}`);
});

workflow("before-delete", { on: { type: "before", collection: "posts", actions: ["delete"], global: true } }, (ctx) => {
    ctx.log.info(ctx.data.title.trim(), ctx.record.id);
});

workflow("daily", { on: { type: "schedule", cron: "@daily", timezone: "Europe/Berlin", start: "2026-01-01", end: new Date(), limit: 3, catchUp: "all", catchUpWindow: "1h", overlap: "skip" } }, (ctx) => {
    return ctx.params.scheduledAt.trim() + ctx.params.missed.toFixed() + ctx.data;
});

workflow("often", { on: { type: "schedule", interval: "30s", catchUp: "none" } }, (ctx) => ctx.params.run.toFixed());

workflow("reminder", { on: { type: "schedule", collection: "posts", field: "published", offset: "-30m", repeat: "1d", condition: "title != ''", limit: 2 } }, (ctx) => {
    return ctx.data.title.trim();
});

workflow("hook", { on: { type: "webhook", methods: ["POST", "PUT"], maxBody: 1000, contentTypes: ["text/*"], deliveryHeader: "X-Id", auth: { preset: "github", secretEnv: "A" } }, mode: "sync" }, (ctx) => {
    ctx.respondWith({ status: 201, headers: { "X-Count": 1 }, body: { got: ctx.params.headers["x-id"], body: ctx.params.body.any, data: ctx.data.any } });
});

workflow("signed", { on: { type: "webhook", auth: { type: "hmac", secretEnv: ["A", "B"], header: "X-Signature", algorithm: "sha512", timestampHeader: "X-Time", tolerance: "1m" }, response: { status: 202 } } }, (ctx) => ctx.params.rawBody.trim());

workflow("basic", { on: { type: "webhook", auth: { type: "basic", username: "ada", secretEnv: "A" } } }, () => {});

workflow("by-hand", { on: { type: "manual" }, mode: "sync" }, (ctx) => ctx.data.any.thing + ctx.params.any.thing);

workflow("on-a-record", { on: { type: "manual", context: "record", collection: "post_counts" } }, (ctx) => ctx.data.id.trim());

workflow("on-records", { on: { type: "manual", context: "records", collection: "posts", expand: ["tags"] } }, (ctx) => ctx.data.map((post) => post.title.trim()));

workflow("failed", { on: { type: "manual" } }, (ctx) => {
    /** @type {Workflows.FailureReport} */
    const report = ctx.data;
    return report.error?.message.trim();
});

workflow("odd-names", { on: { type: "action", collection: "class", fields: ["function", "1st"] } }, (ctx) => ctx.data.function.trim() + ctx.data["1st"].toFixed());

workflow("errors", { on: { type: "manual" } }, (ctx) => {
    try {
        ctx.step.run("a step", () => {
            throw Math.random() > 0.5 ? new NonRetryableError("never") : new RetryAfterError("later", "30s");
        });
    } catch (e) {
        if (e instanceof RejectedError) {
            return e.answer.action.trim();
        }
        return e instanceof TimeoutError || e instanceof WithdrawnError ? e.message : "";
    }
});

const id = $workflows.trigger("everything", $app.findRecordById("posts", "id"), { user: null, roleName: "editor", startAfter: "1h" });
$workflows.send(id, "reviewed", { stars: 5 });
$workflows.find(id).finishedAt?.trim();
$workflows.aggregate($app, "posts", { values: { posts: "count()", views: "sum(rating)" } }).views.any;
$workflows.aggregate($app, "posts", { values: { posts: "count()" }, groupBy: "category.title", sort: "-posts", limit: 3 })[0]["category.title"];
$workflows.updateRecords($app, "posts", "title = {:title}", { "rating+": 1, "tags-": "id" }, { title: "a" }).toFixed();
$workflows.deleteRecords($app, "posts", "title = ''").toFixed();
