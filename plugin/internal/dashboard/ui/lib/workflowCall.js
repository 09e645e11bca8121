// The tab "Call it": requests that start this very workflow, ready to be copied.
import { apiURL, codeBlockTabs, t } from "./host.js";

/** The ways in which a workflow is started, as {title, text, curl, js, dart}. */
function ways(workflow) {
    const on = workflow.trigger || {};
    const key = workflow.key;
    const url = apiURL();
    const collection = on.collection || "posts";
    const actions = on.actions?.length ? on.actions : ["create", "update", "delete"];
    if (on.type == "action" || on.type == "before") {
        const name = on.global ? "" : `triggerWorkflows=${key}`;
        const query = name && "?" + name;
        const js = on.global ? "" : `, {\n    query: { triggerWorkflows: "${key}" },\n}`;
        const dart = on.global ? "" : `,\n  query: {'triggerWorkflows': '${key}'},\n`;
        const intro = on.global ? "It is global: every such request starts it, none has to name it." : "A request starts it by naming its key.";
        const make = {
            create: {
                title: "Create a record",
                curl: `curl -X POST '${url}/api/collections/${collection}/records${query}' \\\n  -H 'Authorization: TOKEN' \\\n  -H 'Content-Type: application/json' \\\n  -d '{ "field": "value" }' -i`,
                js: `const record = await pb.collection("${collection}").create({ field: "value" }${js});`,
                dart: `final record = await pb.collection('${collection}').create(\n  body: {'field': 'value'}${dart || ",\n"});`,
            },
            update: {
                title: "Update a record",
                curl: `curl -X PATCH '${url}/api/collections/${collection}/records/RECORD_ID${query}' \\\n  -H 'Authorization: TOKEN' \\\n  -H 'Content-Type: application/json' \\\n  -d '{ "field": "value" }' -i`,
                js: `const record = await pb.collection("${collection}").update("RECORD_ID", { field: "value" }${js});`,
                dart: `final record = await pb.collection('${collection}').update(\n  'RECORD_ID',\n  body: {'field': 'value'}${dart || ",\n"});`,
            },
            delete: {
                title: "Delete a record",
                curl: `curl -X DELETE '${url}/api/collections/${collection}/records/RECORD_ID${query}' \\\n  -H 'Authorization: TOKEN' -i`,
                js: `await pb.collection("${collection}").delete("RECORD_ID"${js});`,
                dart: `await pb.collection('${collection}').delete(\n  'RECORD_ID'${dart || ",\n"});`,
            },
        };
        const out = actions.filter((a) => make[a]).map((a) => ({ intro, ...make[a] }));
        if (!on.global && on.type == "action" && out.length) {
            out.push({
                title: "About a related record",
                intro: `For a record of another collection whose relation "field" leads to ${collection}: the workflow is about the related record.`,
                curl: `curl -X POST '${url}/api/collections/OTHER/records?triggerWorkflows=${key}!field' \\\n  -H 'Authorization: TOKEN' \\\n  -H 'Content-Type: application/json' \\\n  -d '{ "field": "RELATED_ID" }' -i`,
                js: `await pb.collection("OTHER").create({ field: "RELATED_ID" }, {\n    query: { triggerWorkflows: "${key}!field" },\n});`,
                dart: `await pb.collection('OTHER').create(\n  body: {'field': 'RELATED_ID'},\n  query: {'triggerWorkflows': '${key}!field'},\n);`,
            });
        }
        return out;
    }
    if (on.type == "webhook") {
        return [{
            title: "Call its URL",
            intro: "Any system can call it.",
            curl: `curl -X POST '${url}/api/workflows/hooks/${key}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{ "field": "value" }' -i`,
            js: `const answer = await pb.send("/api/workflows/hooks/${key}", {\n    method: "POST",\n    body: { field: "value" },\n});`,
            dart: `final answer = await pb.send(\n  '/api/workflows/hooks/${key}',\n  method: 'POST',\n  body: {'field': 'value'},\n);`,
        }];
    }
    return [];
}

export function callTab(workflow) {
    const all = ways(workflow);
    return t.div(
        { className: "block m-b-base wf-call" },
        all.map((way) =>
            t.section(
                { className: "m-b-base" },
                t.div({ className: "section-heading" }, way.title),
                way.intro ? t.p({ className: "txt-hint" }, way.intro) : null,
                codeBlockTabs({
                    historyKey: "pbWorkflowsCall",
                    tabs: [
                        { title: "curl", language: "bash", value: way.curl },
                        { title: "JavaScript SDK", language: "js", value: way.js },
                        { title: "Dart SDK", language: "dart", value: way.dart },
                    ],
                }),
            )
        ),
        all.length && workflow.trigger?.type == "action"
            ? t.p({ className: "txt-hint" }, "The answer's header ", t.code(null, "X-Workflow-Executions"), " says what was started, ", t.code(null, "X-Workflow-Skipped"), " what was not and why.")
            : null,
        all.length ? null : t.p({ className: "txt-hint" }, "No request starts it by itself."),
        t.section(
            null,
            t.div({ className: "section-heading" }, "From a hook or another workflow"),
            codeBlockTabs({
                historyKey: "pbWorkflowsCallCode",
                tabs: [
                    { title: "pb_hooks", language: "js", value: `$workflows.trigger("${workflow.key}", record);` },
                    { title: "A step", language: "js", value: `const output = ctx.step.invoke("name of the step", "${workflow.key}", { data: { id: 1 } });` },
                    { title: "Go", language: "go", value: `id, err := plugin.Get(app).Trigger(app, "${workflow.key}", record, plugin.TriggerOptions{})` },
                ],
            }),
        ),
    );
}
