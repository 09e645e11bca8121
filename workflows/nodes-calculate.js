/// <reference path="../pb_data/workflows.d.ts" />

// NocoBase's calculation nodes: JavaScript has them, and PocketBase's DateTime.

const onPosts = /** @type {const} */ ({ tags: ["demo", "nodes"], on: { type: "action", collection: "posts" } });

workflow("node-calculation", { ...onPosts, title: "Calculation" }, (ctx) => {
    const words = ctx.data.title.split(" ").length;
    const perWord = Math.round((ctx.data.views / words) * 100) / 100;
    return { words, perWord, label: `${words} words`.toUpperCase() };
});

// DateTime is PocketBase's: in UTC, and .time() is Go's time.Time with all of its
// methods. Layouts are written with Go's date: Mon Jan 2 15:04:05 2006.
workflow("node-dates", { ...onPosts, title: "Date calculation" }, (ctx) => {
    const date = new DateTime("2026-03-28 22:30:00.000Z"); // or a field: new DateTime(ctx.data.created)
    const hour = 3600 * 1e9; // durations are in nanoseconds
    const monthStart = new DateTime(date.time().format("2006-01-") + "01 00:00:00.000Z");
    return {
        inAMonth: date.addDate(0, 1, 0), // years, months, days
        aDayEarlier: date.addDate(0, 0, -1),
        // @ts-expect-error PocketBase's types do not tell that a duration is a number
        in36Hours: date.add(36 * hour),
        daysToEaster: date.addDate(0, 0, 8).sub(date).hours() / 24,
        isPast: date.before(new DateTime()),
        text: date.time().format("02.01.2006 15:04"),
        inBerlin: date.time().in(new Timezone("Europe/Berlin")).format("Mon 15:04"),
        fromBerlin: new DateTime("2026-03-29 12:00:00", "Europe/Berlin"), // summer time began that night
        parts: [date.time().year(), Number(date.time().month()), date.time().day(), Number(date.time().weekday())],
        monthStart,
        // @ts-expect-error as above
        monthEnd: monthStart.addDate(0, 1, 0).add(-1e6),
        isLeapYear: new Date(Date.UTC(date.time().year(), 1, 29)).getUTCMonth() === 1,
        seconds: date.unix(),
    };
});

const order = {
    customer: { name: "Ada", address: { city: "London" } },
    items: [
        { title: "pen", price: 2, tags: ["office"] },
        { title: "desk", price: 250, tags: ["office", "wood"] },
        { title: "tree", price: 40, tags: ["wood"] },
    ],
};

workflow("node-json-query", { ...onPosts, title: "JSON query" }, (ctx) => ({
    expensive: order.items.filter((item) => item.price > 30).map((item) => item.title),
    city: order.customer?.address?.city ?? "unknown",
    total: order.items.reduce((sum, item) => sum + item.price, 0),
    tags: [...new Set(order.items.flatMap((item) => item.tags))].sort(),
}));

workflow("node-json-mapping", { ...onPosts, title: "JSON variable mapping" }, (ctx) => {
    const { customer: { name, phone = "none" }, items: [firstItem] } = order;
    const prices = Object.fromEntries(order.items.map((item) => [item.title, item.price]));
    return { name, phone, firstItem: firstItem.title, prices };
});

// Any code, with a time-out; when it fails the workflow goes on.
workflow("node-javascript", { ...onPosts, title: "JavaScript" }, (ctx) => {
    try {
        return ctx.step.run("score", { timeout: "2s" }, () => {
            const letters = new Set(ctx.data.title.toLowerCase().match(/[a-z]/g) ?? []);
            return { score: letters.size, hash: $security.sha256(ctx.data.title).slice(0, 8) };
        });
    } catch (e) {
        return { score: 0, why: e.message };
    }
});
