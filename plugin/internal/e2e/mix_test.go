package e2e

// mixWorkflow uses every kind of step. The function of every run or transaction
// step leaves a row "kind execution step token" in logs, whose token is random
// and is the step's result: a function that ran again after its result was
// recorded would leave a later row with another token. How often functions fail
// depends on the execution's id only.
//
// It gets the events "early" and "side", and two named "late" of which it wants
// the one of the kind "good".
const mixWorkflow = `
const fold = (s) => Array.from(s).reduce((n, c) => (n * 31 + c.charCodeAt(0)) % 9973, 7);

function effect(app, kind, id, step) {
    const token = $security.randomString(12);
    const log = new Record(app.findCollectionByNameOrId("logs"));
    log.set("message", [kind, id, step, token].join(" "));
    app.save(log);
    return token;
}

const on = { type: "action", collection: "posts" };

workflow("kid", { on }, (ctx) => {
    const id = ctx.execution.id;
    const first = ctx.step.run("first", () => effect($app, "run", id, "first"));
    if (fold(id) % 2) {
        ctx.step.sleep("nap", 20);
    }
    const write = ctx.step.transaction("write", (txApp) => effect(txApp, "transaction", id, "write"));
    return { from: ctx.data.token, first, write };
});

workflow("sleeper", { on }, (ctx) => { ctx.step.sleep("long", "1h"); });

workflow("mix", { on, retries: { limit: 1000, delay: 1, backoff: "constant" } }, (ctx) => {
    const id = ctx.execution.id, n = fold(id), out = {};
    const run = (name, entry) => ctx.step.run(name, () => effect($app, "run", id, entry || name));

    let failures = n % 3;
    out.first = ctx.step.run("first", () => {
        if (failures-- > 0) { throw new Error("not yet"); }
        return effect($app, "run", id, "first");
    });
    let undone = n % 2;
    out.write = ctx.step.transaction("write", (txApp) => {
        const token = effect(txApp, "transaction", id, "write");
        if (undone-- > 0) { throw new Error("to be undone"); }
        return token;
    });
    ctx.step.sleep("nap", 5 + n % 30);
    out.early = ctx.step.waitForEvent("wait early", { event: "early" });
    ctx.step.sleepUntil("until", ctx.step.run("when", () => Date.now() + 5 + n % 20));
    out.nobody = ctx.step.waitForEvent("wait in vain", { event: "nobody", timeout: 10 });
    out.child = ctx.step.invoke("child", "kid", { data: { token: out.first } });
    out.loose = ctx.step.invoke("loose", "kid", { data: { token: out.first }, wait: false });

    out.all = ctx.step.parallel("all", {
        run: () => run("x", "all/run/x"),
        write: () => ctx.step.transaction("x", (txApp) => effect(txApp, "transaction", id, "all/write/x")),
        nap: () => { ctx.step.sleep("nap", 10 + n % 20); return run("x", "all/nap/x"); },
        event: () => ctx.step.waitForEvent("wait side", { event: "side" }),
        child: () => ctx.step.invoke("child", "kid", { data: { token: out.first } }),
    });
    out.race = ctx.step.parallel("race", {
        sleeps: () => ctx.step.sleep("long", "1h"),
        invokes: () => ctx.step.invoke("sleeper", "sleeper"),
        waits: () => ctx.step.waitForEvent("wait for ever", { event: "never" }),
        wins: () => { ctx.step.sleep("short", 10 + n % 20); return run("x", "race/wins/x"); },
    }, { mode: "race" });
    out.map = ctx.step.map("map", [0, 1, 2], (i) => {
        if (i === 1) { ctx.step.sleep("nap", 10); }
        return run("x", "map/" + i + "/x");
    }, { concurrency: 2 });

    out.late = ctx.step.waitForEvent("wait late", { event: "late", if: "event.kind = 'good'" });
    if (n % 8 === 0) { // its retries park
        out.patient = ctx.step.run("patient", { retries: { limit: 1000, delay: 1100, backoff: "constant", jitter: false } }, () => {
            if (!$app.store().get(id)) {
                $app.store().set(id, true);
                throw new Error("not in this second");
            }
            return effect($app, "run", id, "patient");
        });
    }
    return out;
});
`
