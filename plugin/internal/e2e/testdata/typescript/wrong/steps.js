/// <reference path="../pb_data/workflows.d.ts" />

workflow("steps", { on: { type: "action", collection: "posts" } }, (ctx) => {
    ctx.step.ran("a step", () => 1); // want TS2339 Property 'ran' does not exist on type 'Step'
    ctx.step.run(() => 1); // want TS2554 Expected 2-3 arguments
    ctx.step.run("a step", 7); // want TS2345 Argument of type 'number'
    ctx.step.run("a step", { retry: 3 }, () => 1); // want TS2353 'retry' does not exist in type 'StepOptions'
    ctx.step.run("a step", { timeout: "soon" }, () => 1); // want TS2322 is not assignable to type 'Duration'
    ctx.step.run("a step", () => "text").getTime(); // want TS2339 Property 'getTime' does not exist on type 'string'
    ctx.step.transaction("a step", { tries: 3 }, () => 1); // want TS2561 'tries' does not exist in type 'StepOptions'
    ctx.step.sleep("a step", "10 minutes"); // want TS2345 is not assignable to parameter of type 'Duration'
    ctx.step.sleep("a step"); // want TS2554 Expected 2 arguments
    ctx.step.sleepUntil("a step", true); // want TS2345 Argument of type 'boolean'
    ctx.step.waitForEvent("a step", { timout: "1d" }); // want TS2561 'timout' does not exist in type 'WaitOptions'
    ctx.step.eventUrl("an event", { expires: "never" }); // want TS2322 is not assignable to type 'Duration'
    ctx.step.invoke("a step", "another", { wait: "no" }); // want TS2322 Type 'string' is not assignable to type 'boolean'
    ctx.step.invoke("a step", "another", { wait: false }).title; // want TS2339 Property 'title' does not exist on type 'string'
    ctx.step.parallel("a step", { a: 1 }); // want TS2322 Type 'number' is not assignable
    ctx.step.parallel("a step", { a: () => 1 }, { mode: "first" }); // want TS2322 Type '"first"' is not assignable
    ctx.step.parallel("a step", { a: () => 1, b: () => "two" }).c; // want TS2339 Property 'c' does not exist
    ctx.step.parallel("a step", { a: () => 1, b: () => "two" }).b.getTime(); // want TS2339 Property 'getTime' does not exist on type 'string'
    ctx.step.map("a step", [1, 2], (n) => n.toUpperCase()); // want TS2339 Property 'toUpperCase' does not exist on type 'number'
    ctx.step.map("a step", ["a"], (s) => s.length)[0].length; // want TS2339 Property 'length' does not exist on type 'number'
    ctx.step.task("a step", { title: "Nobody is asked" }); // want TS2345|TS2741 Property 'assignees' is missing
    ctx.step.task("a step", { assignees: ctx.user, quorum: "most" }); // want TS2322 Type '"most"' is not assignable
    ctx.step.task("a step", { assignees: "id", fields: [{ name: "file", type: "file" }] }); // want TS2322 Type '"file"' is not assignable
    ctx.step.task("a step", { assignees: "id" }).answer; // want TS2551 Property 'answer' does not exist on type 'TaskResult'
    ctx.step.http("a step", { uri: "https://example.com" }); // want TS2353 'uri' does not exist in type 'HTTPOptions'
    ctx.step.http("a step", { url: "https://example.com", method: "FETCH" }); // want TS2322 Type '"FETCH"' is not assignable
});
