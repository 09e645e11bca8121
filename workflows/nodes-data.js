/// <reference path="../pb_data/workflows.d.ts" />

// NocoBase's data nodes. Reads are steps with $app, writes are transactions with
// txApp: what they write commits together with the journal, exactly once.
//   $workflows.trigger("node-create", post)

const onPosts = /** @type {const} */ ({ tags: ["demo", "nodes"], on: { type: "action", collection: "posts" }, rule: null });

workflow("node-create", { ...onPosts, title: "Create record" }, (ctx) => {
    return ctx.step.transaction("create", (txApp) => {
        const comment = new Record(txApp.findCollectionByNameOrId("comments"), { content: "First!", post: ctx.data.id });
        txApp.save(comment);
        return comment; // as the API would show it
    });
});

// One by one: validated, with hooks and realtime messages, all or none of them.
workflow("node-update", { ...onPosts, title: "Update records, one by one" }, (ctx) => {
    return ctx.step.transaction("update", (txApp) =>
        $workflows.updateRecords(txApp, "posts", "category = {:category}", { slug: "news", "views+": 1 }, { category: ctx.data.category }));
});

// In bulk: one statement, for the database only.
workflow("node-update-bulk", { ...onPosts, title: "Update records in bulk" }, (ctx) => {
    ctx.step.transaction("reset", (txApp) => {
        txApp.db().update("posts", { views: 0 }, $dbx.hashExp({ category: ctx.data.category })).execute();
    });
});

workflow("node-delete", { ...onPosts, title: "Delete records" }, (ctx) => {
    return ctx.step.transaction("delete", (txApp) => {
        txApp.delete(txApp.findRecordById("posts", ctx.data.id)); // its comments go with it
        return $workflows.deleteRecords(txApp, "posts", "views = 0 && created < {:date}", { date: new DateTime().addDate(0, 0, 1) });
    });
});

workflow("node-query", { ...onPosts, title: "Query records" }, (ctx) => {
    const page = 1, perPage = 2;
    return ctx.step.run("most read", () => {
        const posts = $app.findRecordsByFilter("posts", "category.title ~ {:like}", "-views,title", perPage, (page - 1) * perPage, { like: "new" });
        $app.expandRecords(posts, ["category", "tags"], null);
        return posts;
    });
});

// In PocketBase's filter language, over relations too.
workflow("node-aggregate", { ...onPosts, title: "Aggregate" }, (ctx) => {
    const totals = ctx.step.run("of all posts", () => $workflows.aggregate($app, "posts", {
        filter: "views > {:least}",
        params: { least: 0 },
        values: { posts: "count()", categories: "count(distinct category)", views: "sum(views)", average: "avg(views)", least: "min(views)", most: "max(views)" },
    }));
    const byCategory = ctx.step.run("by category", () => $workflows.aggregate($app, "posts", {
        groupBy: "category.title",
        values: { posts: "count()", views: "sum(views)" },
        sort: "-views",
    }));
    return { totals, byCategory };
});

// Values go in as parameters, never into the text.
workflow("node-sql", { ...onPosts, title: "SQL" }, (ctx) => {
    return ctx.step.run("busy posts", () => {
        const rows = arrayOf(new DynamicModel({ title: "", comments: 0 }));
        $app.db().newQuery("SELECT p.title, count(c.id) AS comments FROM posts p JOIN comments c ON c.post = p.id WHERE p.views >= {:views} GROUP BY p.id ORDER BY 1")
            .bind({ views: ctx.data.views })
            .all(rows);
        return rows;
    });
});

workflow("node-transaction", { ...onPosts, title: "Transaction, and what happens after a rollback" }, (ctx) => {
    const log = (txApp, message) => txApp.save(new Record(txApp.findCollectionByNameOrId("logs"), { message }));
    try {
        ctx.step.transaction("rename", (txApp) => {
            log(txApp, "renamed");
            const post = txApp.findRecordById("posts", ctx.data.id);
            post.set("title", ctx.data.slug); // may be empty, which a title must not
            txApp.save(post);
        });
    } catch (e) {
        ctx.step.transaction("after the rollback", (txApp) => log(txApp, `not renamed: ${e.message}`));
        return "rolled back";
    }
    return "renamed";
});
