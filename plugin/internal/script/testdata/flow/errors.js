workflow("w", { on: { type: "action", collection: "posts" } }, (ctx) => {
    try {
        const v = ctx.step.invoke("call", "other", { data: ctx.data, wait: true });
        if (!v) throw new Error("nothing came back");
        if (v.done) return v;
        check(v);
    } catch (e) {
        ctx.step.run("undo", { retries: { limit: 2 } }, () => { if (!e) throw e; return 1 });
        if (e.fatal) throw e;
    } finally {
        ctx.step.run("tidy up", () => 1);
    }
    try { ctx.data.x.y } catch {}
    try { ctx.step.run("may fail", () => 1) } catch {}
    try { ctx.step.run("also", () => 1) } finally { ctx.log.info("done") }
});
function check(v) { if (v < 0) throw new RangeError("negative") }
