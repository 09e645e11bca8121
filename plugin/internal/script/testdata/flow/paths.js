workflow("w", { on: { type: "action", collection: "posts" } }, (ctx) => {
    const step = ctx.step;
    outer: for (let i = 0; i < 3; i++) {
        for (const key in ctx.data) {
            if (key === "skip") continue outer;
            if (key === "stop") break outer;
            if (key === "id") continue;
            step.run("key " + key, () => { if (!key) ctx.fail("no key"); return key });
        }
    }
    let sum = 0;
    for (const n of [1, 2, 3]) { if (n === 2) continue; sum += n; }
    while (true) {
        if (step.run("more?", () => false)) { break }
    }
    do { step.sleep("pause", 10) } while (step.run("again?", () => false));
    switch (ctx.data.kind) {
        case "a":
            step.run("a", () => 1);
        case "b":
            step.run("b", () => 1);
            break;
        case "c": {
            ctx.end({ done: true });
        }
        default:
            return "other";
    }
    const ok = ctx.user ? step.run("as user", () => 1) : null;
    ok && step.run("ok", () => 1);
    ok ?? step.run("not ok", () => 1);
    if (sum > 3) sum = 3; else sum = 4;
    ctx.end(sum);
    step.run("never reached", () => 1);
});
