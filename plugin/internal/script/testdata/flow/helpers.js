const { step: unrelated } = {};
const notify = (ctx, who) => {
    const s = ctx.step;
    s.run(`notify ${who}`, () => who);
    if (!who) return;
    s.sleep("wait a bit", "1m");
};
const tools = {
    save: ({ step }, id) => step.transaction("save " + id, { retries: 3, timeout: "5s" }, (tx) => tx),
    nothing() { return 1 },
};
workflow("other", {}, (ctx) => { ctx.step.run("of another workflow", () => 1) });
workflow("w", { on: { type: "action", collection: "posts" } }, async (c) => {
    const { step, data: { list = [] } } = c;
    const { sleep, run: go } = step;
    tools.nothing();
    await go("ä first", () => 1);
    notify(c, "me");
    list.forEach((item) => { tools.save(c, item); deep(step, 3) });
    c?.step?.waitForEvent("answer");
    const more = () => step["eventUrl"]("approve", { expires: "1d" });
    more();
    return sleep("last", 5);
});
function deep(step, n) {
    if (n > 0) deep(step, n - 1);
    step.sleepUntil("deep", new Date());
}
