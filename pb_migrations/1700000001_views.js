/// <reference path="../pb_data/types.d.ts" />

// How often a post was read: a number to calculate with.
migrate((app) => {
    const posts = app.findCollectionByNameOrId("posts");
    posts.fields.add(new NumberField({ name: "views", onlyInt: true }));
    app.save(posts);
}, (app) => {
    const posts = app.findCollectionByNameOrId("posts");
    posts.fields.removeByName("views");
    app.save(posts);
});
