const branches = { first: (x) => 1, "second one": function () { return 2 } };
workflow("w", { on: { type: "action", collection: "posts" } }, (ctx) => {
    const done = ctx.step.parallel("both", {
        a: () => { ctx.step.run("x", () => 1); return ctx.step.parallel("inner", [() => ctx.step.sleep("nap", 1), imported], { mode: "race" }) },
        async b() { if (ctx.data.skip) return; await ctx.step.run("x", () => 2) },
        c: imported,
    }, { mode: "settled" });
    ctx.step.parallel("named", branches);
    ctx.step.parallel("unknown", ctx.data.functions);
    const rows = ctx.step.map(`rows of ${ctx.data.id}`, ctx.data.rows, (row, i) => {
        if (!row) throw new Error("no row");
        ctx.step.transaction(`row ${i}`, (tx) => row);
    }, { concurrency: 3 });
    [1, 2].map((n) => n * 2).filter((n) => n > 2);
    ctx.step.task("approve", { assignees: rows, title: "Approve?" });
});
