/// <reference path="../pb_data/workflows.d.ts" />

$workflows.start("a-key"); // want TS2339 Property 'start' does not exist on type 'Helpers'
$workflows.trigger("a-key", null, { userId: "id" }); // want TS2561 'userId' does not exist in type 'TriggerOptions'
$workflows.find(7); // want TS2345 Argument of type 'number'
$workflows.find("id").state; // want TS2339 Property 'state' does not exist on type 'Execution'
$workflows.find("id").status === "done"; // want TS2367 have no overlap
$workflows.send("id"); // want TS2554 Expected 2-3 arguments
$workflows.aggregate($app, "posts", { values: { posts: "count()" } }).views; // want TS2339 Property 'views' does not exist
$workflows.updateRecords($app, "posts", "views = 0", { titel: "A title" }); // want TS2561 'titel' does not exist
$workflows.updateRecords($app, "postz", "views = 0", { title: "A title" }); // want TS2345 Argument of type '"postz"'
$workflows.mail({ to: "ada@example.com", title: "A subject" }); // want TS2353 'title' does not exist in type 'MailOptions'
$workflows.notify({ name: "Ada" }, "news"); // want TS2353 'name' does not exist
throw new RetryAfterError("busy"); // want TS2554 Expected 2 arguments
