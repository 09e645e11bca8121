// The tab "Call it": requests that start this very workflow, ready to be copied.
import { apiURL, codeBlockTabs, collectionNamed, t } from "./host.js";

const samples = { text: "some text", editor: "<p>some text</p>", number: 1, bool: true, email: "someone@example.com", url: "https://example.com" };

// A body with fields of the collection, the required ones first.
function sample(collection) {
    const fields = (collectionNamed(collection)?.fields || []).filter((f) => f.type in samples && !f.system && !f.hidden && !f.primaryKey);
    const body = {};
    for (const f of fields.sort((a, b) => Number(b.required || 0) - Number(a.required || 0)).slice(0, 2)) {
        body[f.name] = samples[f.type];
    }
    return Object.keys(body).length ? body : { field: "value" };
}

const asShell = (body) => JSON.stringify(body).replaceAll("'", "'\\''");
const asJS = (body) => "{ " + Object.entries(body).map(([k, v]) => `${/^[a-zA-Z_]\w*$/.test(k) ? k : JSON.stringify(k)}: ${JSON.stringify(v)}`).join(", ") + " }";
const asDart = (body) => "{" + Object.entries(body).map(([k, v]) => `'${k}': ${typeof v == "string" ? `'${v}'` : v}`).join(", ") + "}";

/** The ways in which a workflow is started, as {title, text, curl, js, dart}. */
function ways(workflow) {
    const on = workflow.trigger || {};
    const key = workflow.key;
    const url = apiURL();
    const collection = on.collection || "posts";
    const actions = on.actions?.length ? on.actions : ["create", "update", "delete"];
    if (on.type == "action" || on.type == "before") {
        const name = on.global ? "" : `triggerWorkflows=${key}`;
        const body = sample(collection);
        const query = name && "?" + name;
        const js = on.global ? "" : `, {\n    query: { triggerWorkflows: "${key}" },\n}`;
        const dart = on.global ? "" : `,\n  query: {'triggerWorkflows': '${key}'},\n`;
        const intro = on.global ? "It is global: every such request starts it, none has to name it." : "A request starts it by naming its key.";
        const make = {
            create: {
                title: "Create a record",
                curl: `curl -X POST '${url}/api/collections/${collection}/records${query}' \\\n  -H 'Authorization: TOKEN' \\\n  -H 'Content-Type: application/json' \\\n  -d '${asShell(body)}' -i`,
                js: `const record = await pb.collection("${collection}").create(${asJS(body)}${js});`,
                dart: `final record = await pb.collection('${collection}').create(\n  body: ${asDart(body)}${dart || ",\n"});`,
            },
            update: {
                title: "Update a record",
                curl: `curl -X PATCH '${url}/api/collections/${collection}/records/RECORD_ID${query}' \\\n  -H 'Authorization: TOKEN' \\\n  -H 'Content-Type: application/json' \\\n  -d '${asShell(body)}' -i`,
                js: `const record = await pb.collection("${collection}").update("RECORD_ID", ${asJS(body)}${js});`,
                dart: `final record = await pb.collection('${collection}').update(\n  'RECORD_ID',\n  body: ${asDart(body)}${dart || ",\n"});`,
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
    if (on.type == "manual") {
        const about = on.context && on.context != "none";
        const path = about ? `/api/collections/${collection}/records/RECORD_ID/trigger?triggerWorkflows=${key}` : `/api/workflows/${key}/trigger`;
        return [{
            title: about ? "Start it for a record" : "Start it",
            intro: about ? "What the body holds is laid over the record." : "The body becomes ctx.data.",
            curl: `curl -X POST '${url}${path}' \\\n  -H 'Authorization: TOKEN' \\\n  -H 'Content-Type: application/json' \\\n  -d '{}' -i`,
            js: `const answer = await pb.send("${path}", {\n    method: "POST",\n    body: {},\n});`,
            dart: `final answer = await pb.send(\n  '${path}',\n  method: 'POST',\n  body: {},\n);`,
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
