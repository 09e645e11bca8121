/// <reference path="../pb_data/types.d.ts" />

// The demo schema: posts with a category and tags, comments on posts, a log that
// workflows write to, and a role for users.
migrate((app) => {
    const loggedIn = '@request.auth.id != ""';
    const open = { listRule: "", viewRule: "", createRule: loggedIn, updateRule: loggedIn, deleteRule: loggedIn };
    const dates = [
        { name: "created", type: "autodate", onCreate: true },
        { name: "updated", type: "autodate", onCreate: true, onUpdate: true },
    ];
    const create = (name, fields, rules) => {
        const collection = new Collection({ type: "base", name, fields: fields.concat(dates), ...rules });
        app.save(collection);
        return collection;
    };

    const categories = create("categories", [{ name: "title", type: "text", required: true }], open);
    const tags = create("tags", [{ name: "title", type: "text", required: true }], open);
    const posts = create("posts", [
        { name: "title", type: "text", required: true },
        { name: "content", type: "editor" },
        { name: "slug", type: "text" },
        { name: "category", type: "relation", collectionId: categories.id, maxSelect: 1 },
        { name: "tags", type: "relation", collectionId: tags.id, maxSelect: 999 },
    ], open);
    create("comments", [
        { name: "content", type: "text", required: true },
        { name: "post", type: "relation", collectionId: posts.id, maxSelect: 1, required: true, cascadeDelete: true },
    ], open);
    create("logs", [{ name: "message", type: "text" }], {}); // superusers only

    const users = app.findCollectionByNameOrId("users");
    users.fields.add(new SelectField({ name: "role", values: ["editor", "member"], maxSelect: 1 }));
    app.save(users);
}, (app) => {
    const users = app.findCollectionByNameOrId("users");
    users.fields.removeByName("role");
    app.save(users);
    for (const name of ["logs", "comments", "posts", "tags", "categories"]) {
        app.delete(app.findCollectionByNameOrId(name));
    }
});
