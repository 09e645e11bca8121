/// <reference path="../pb_data/workflows.d.ts" />

// NocoBase's flow control nodes, in JavaScript. Each workflow here may be named in
// a request about a post:
//   POST /api/collections/posts/records?triggerWorkflows=node-condition

const onPosts = /** @type {const} */ ({ tags: ["demo", "nodes"], on: { type: "action", collection: "posts" } });

// log writes one line to the collection "logs".
const log = (txApp, message) => txApp.save(new Record(txApp.findCollectionByNameOrId("logs"), { message }));

workflow("node-condition", { ...onPosts, title: "Condition" }, (ctx) => {
    if (ctx.data.title.length > 60) {
        ctx.step.transaction("long", (txApp) => log(txApp, "a long title"));
    } else {
        ctx.step.transaction("short", (txApp) => log(txApp, "a short title"));
    }
});

workflow("node-multi-conditions", { ...onPosts, title: "Multi-conditions" }, (ctx) => {
    if (ctx.data.views >= 1000) {
        return "hit";
    } else if (ctx.data.views >= 10) {
        return "read";
    } else if (ctx.data.views > 0) {
        return "found";
    }
    return "new"; // otherwise
});

// Steps may have the same name: the n-th use of a name is its own entry in the
// journal, so a loop goes on where it was after a crash.
workflow("node-loop-list", { ...onPosts, title: "Loop over a list" }, (ctx) => {
    for (const word of ctx.data.title.split(" ")) {
        ctx.step.transaction("log a word", (txApp) => log(txApp, word));
    }
});

workflow("node-loop-number", { ...onPosts, title: "Loop, a number of times" }, (ctx) => {
    let sum = 0;
    for (let i = 1; i <= 3; i++) {
        sum += ctx.step.run("throw a die", () => Math.ceil(Math.random() * 6));
    }
    return { sum };
});

// Waits for the first comment. Between two looks it is a row in the database only.
workflow("node-loop-while", { ...onPosts, title: "Loop, while a condition holds" }, (ctx) => {
    const comments = () => $app.countRecords("comments", $dbx.hashExp({ post: ctx.data.id }));
    let looks = 1;
    while (ctx.step.run("look", comments) === 0) {
        ctx.step.sleep("wait", "50ms");
        looks++;
    }
    return { looks };
});

const check = (word) => {
    if (word === "bad") {
        throw new Error("a bad word");
    }
    return word;
};

// What happens when an item fails: what the catch does.
workflow("node-loop-errors", { ...onPosts, title: "Loop, and errors in it" }, (ctx) => {
    const words = ctx.data.title.split(" ");
    const fine = [];
    for (const word of words) {
        try {
            fine.push(ctx.step.run("check and continue", () => check(word)));
        } catch (e) {
            continue; // with the next item
        }
    }
    const first = [];
    for (const word of words) {
        try {
            first.push(ctx.step.run("check and break", () => check(word)));
        } catch (e) {
            break; // leave the loop, go on after it
        }
    }
    ctx.log.info("words", { fine, first });
    for (const word of words) {
        ctx.step.run("check and exit", () => check(word)); // no catch: the execution fails
    }
    return { fine, first };
});

workflow("node-parallel", { ...onPosts, title: "Parallel branches" }, (ctx) => {
    const quick = () => ctx.step.run("quick", () => "quick");
    const slow = () => {
        ctx.step.sleep("take a while", "100ms");
        return "slow";
    };
    const broken = () => {
        throw new Error("broken");
    };
    // All have to succeed; their results come back by name.
    const all = ctx.step.parallel("all", { quick, slow });
    // The first that succeeds ends it.
    const any = ctx.step.parallel("any", { broken, slow }, { mode: "any" });
    // The first that ends decides, as a success or as an error.
    const race = ctx.step.parallel("race", { slow, quick }, { mode: "race" });
    return { all, any, race };
});

// A variable is a variable: after a crash the handler runs again up to where it
// was, with the results of its steps from the journal, and computes the same.
workflow("node-variable", { ...onPosts, title: "Variable" }, (ctx) => {
    let words = 0;
    for (const title of ctx.step.run("titles", () => $app.findAllRecords("posts").map((post) => post.get("title")))) {
        words += title.split(" ").length;
    }
    return { words };
});

workflow("node-invoke", { ...onPosts, title: "Invoke a workflow" }, (ctx) => {
    const slug = ctx.step.invoke("make slug", "node-output", { data: { title: ctx.data.title } });
    ctx.step.invoke("and do not wait", "node-condition", { data: ctx.data, wait: false });
    return { slug };
});

// Output is what the handler returns.
workflow("node-output", { ...onPosts, title: "Output" }, (ctx) => {
    return ctx.data.title.toLowerCase().replace(/\W+/g, "-");
});

workflow("node-delay", { ...onPosts, title: "Delay" }, (ctx) => {
    ctx.step.sleep("wait a moment", "100ms"); // "30s", "5m", "2h", "3d", "1w"
    ctx.step.sleepUntil("until a date", new DateTime(ctx.data.created).addDate(0, 0, -1)); // has passed
    return "waited";
});

workflow("node-end", { ...onPosts, title: "End" }, (ctx) => {
    if (ctx.data.views > 0) {
        ctx.end({ read: true }); // completed, with an output
    }
    ctx.fail("nobody read it"); // failed, with a message
});
