// A name may hold anything, and the source need not make sense.
const f = () => g(), g = () => f();
class Machine { run(ctx) { return ctx.step.run("in a class", () => 1) } }
for (const key of ["w"]) workflow(key, { on: { type: "action", collection: "posts" } }, (ctx, { extra } = {}, ...rest) => {
    f();
    ctx.step.run("<img src=x onerror=alert(1)>\"#;\n end", () => 1);
    ctx.step.run(ctx.data.name, () => 1); ctx.step.run(); ctx.step.run("twice", () => 1); ctx.step.run("twice", () => 1);
    (function () { ctx.step.run("in place", () => 1) })();
    setLater(() => ctx.step.run("in a callback", () => 1));
    let later; later = ctx.step.sleep; later("assigned", 1);
    with (ctx) { step.run("in with", () => 1) }
    label: { if (ctx.data) break label; ctx.step.run("in a label", () => 1) }
    new Machine().run(ctx); ctx.step.unknown("x"); ctx.fail(`no ${ctx.data.id}`);
});
