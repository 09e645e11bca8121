/// <reference path="../pb_data/types.d.ts" />

// Workflows can be started from hooks too, here after a comment is saved.
onRecordAfterCreateSuccess((e) => {
    $workflows.trigger("welcome-comment", e.record);
    return e.next();
}, "comments");
