// All workflows, with what they did in the last 24 hours.
import { deleteWorkflow, loadStats, loadWorkflows, saveSwitch, setPaused, EXECUTIONS, WORKFLOWS } from "../lib/api.js";
import { bars } from "../lib/bars.js";
import { duration, percent, triggerWords } from "../lib/format.js";
import { confirm, copyButton, listen, randomString, refreshButton, replaceQuery, searchbar, setTitle, showError, store, t, toast, tooltip, watch } from "../lib/host.js";
import { date, emptyRow, errorText, failure, footer, icon, loadingRow, nothing, rowLink, statusLabel, th } from "../lib/parts.js";

const STATES = ["enabled", "disabled", "paused", "invalid", "missing"];

const stateOf = (w) => (w.missing ? "missing" : !w.valid ? "invalid" : !w.enabled ? "disabled" : w.paused ? "paused" : "enabled");

const sorters = {
    key: (w) => w.key,
    trigger: (w) => triggerWords(w.trigger).text,
    mode: (w) => w.mode,
    enabled: (w) => (w.enabled ? 1 : 0),
    total: (w, s) => s?.total || 0,
    failures: (w, s) => s?.failureRate ?? -1,
    p95: (w, s) => s?.p95 ?? -1,
    last: (w, s) => s?.last?.created || "",
};

export default function pageWorkflows(route) {
    setTitle("Workflows");
    const query = (name) => route.query[name]?.[0] || "";
    const requestKey = "wf_" + randomString();

    const data = store({
        search: query("search"),
        tag: query("tag"),
        type: query("trigger"),
        state: query("state"),
        sort: query("sort") || "key",
        items: [],
        stats: {},
        isLoading: true,
        error: "",
        get shown() {
            const words = data.search.toLowerCase().split(/\s+/).filter(Boolean);
            const by = data.sort.replace(/^-/, "");
            const value = (w) => (sorters[by] || sorters.key)(w, data.stats[w.key]);
            const down = data.sort.startsWith("-") ? -1 : 1;
            return data.items
                .filter((w) => {
                    const text = [w.key, w.title, w.description, (w.tags || []).join(" "), w.error, triggerWords(w.trigger).text].join(" ").toLowerCase();
                    return words.every((word) => text.includes(word))
                        && (!data.tag || (w.tags || []).includes(data.tag))
                        && (!data.type || w.trigger?.type == data.type)
                        && (!data.state || stateOf(w) == data.state);
                })
                .sort((a, b) => {
                    const [x, y] = [value(a), value(b)];
                    return (x < y ? -1 : x > y ? 1 : 0) * down || (a.key < b.key ? -1 : 1);
                });
        },
        get filtered() {
            return !!(data.search || data.tag || data.type || data.state);
        },
    });

    const sort = (key) => ({ key, by: () => data.sort, set: (by) => (data.sort = by) });

    async function load() {
        data.isLoading = true;
        try {
            data.items = await loadWorkflows(requestKey);
            data.error = "";
        } catch (err) {
            if (err.isAbort) {
                return;
            }
            data.error = errorText(err);
        }
        data.isLoading = false;
    }

    let statsTimer;
    async function loadNumbers() {
        clearTimeout(statsTimer);
        let soon = false;
        try {
            const stats = await loadStats(requestKey + "s");
            data.stats = Object.fromEntries(stats.workflows.map((s) => [s.workflow, s]));
            soon = !stats.complete;
        } catch (err) {
            if (err.isAbort) {
                return;
            }
            showError(err);
        }
        if (mounted) {
            statsTimer = setTimeout(loadNumbers, soon ? 300 : 60000);
        }
    }

    async function change(item, values, done) {
        try {
            const row = await saveSwitch(item.id, values);
            put(row);
            toast(done);
        } catch (err) {
            put(JSON.parse(JSON.stringify(item))); // the switch shows what is stored
            showError(err);
        }
    }

    function put(row) {
        const i = data.items.findIndex((w) => w.id == row.id);
        data.items = i < 0 ? data.items.concat([row]) : data.items.map((w) => (w.id == row.id ? row : w));
    }

    const stops = [];
    let mounted = false;

    return t.div(
        {
            pbEvent: "pageWorkflows",
            className: "page page-workflows",
            onmount: () => {
                mounted = true;
                load();
                loadNumbers();
                const watcher = watch(() => replaceQuery({ search: data.search, tag: data.tag, trigger: data.type, state: data.state, sort: data.sort == "key" ? "" : data.sort }));
                let dirty;
                stops.push(
                    () => watcher.unwatch(),
                    listen(WORKFLOWS, "*", (e) => {
                        if (e.action == "delete") {
                            data.items = data.items.filter((w) => w.id != e.record.id);
                        } else {
                            put(e.record);
                        }
                    }),
                    // The numbers follow what happens, but not every single event.
                    listen(EXECUTIONS, "*", () => {
                        dirty ||= setTimeout(() => {
                            dirty = null;
                            loadNumbers();
                        }, 2500);
                    }, { query: { fields: "id" } }),
                    () => clearTimeout(dirty),
                );
            },
            onunmount: () => {
                mounted = false;
                clearTimeout(statsTimer);
                stops.splice(0).forEach((stop) => stop());
            },
        },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.div(null, "Workflows")),
                t.div({ className: "page-header-secondary-btns" }, refreshButton({
                    onclick: () => {
                        load();
                        loadNumbers();
                    },
                })),
                t.div(
                    { className: "page-header-primary-btns" },
                    t.a({ href: "#/executions", className: "btn outline" }, icon("ri-list-check-3"), t.span({ className: "txt" }, "Executions")),
                ),
            ),
            searchbar({
                historyKey: "pbWorkflowsSearch",
                placeholder: "Search by key, title, trigger, tag or error...",
                value: () => data.search,
                onsubmit: (value) => (data.search = value.trim()),
            }),
            filters(data),
            () => (data.error ? t.div({ className: "m-b-base" }, failure(data.error, load)) : null),
            t.div(
                { className: "page-table-wrapper" },
                t.table(
                    { className: "responsive-table wf-workflows" },
                    t.thead(
                        { className: "sticky" },
                        t.tr(
                            null,
                            th("ri-flow-chart", "Workflow", "", sort("key")),
                            th("ri-flashlight-line", "Trigger", "", sort("trigger")),
                            th("ri-speed-line", "Mode", "min-width", sort("mode")),
                            th("ri-toggle-line", "Enabled", "min-width", sort("enabled")),
                            th("ri-bar-chart-line", "24 hours", "min-width", sort("total")),
                            th("ri-error-warning-line", "Failures", "min-width", sort("failures")),
                            th("ri-timer-line", "p95", "min-width", sort("p95")),
                            th("ri-calendar-line", "Last", "col-field-type-date", sort("last")),
                            t.th({ className: "col-meta" }),
                        ),
                    ),
                    t.tbody(null, () => {
                        if (!data.items.length) {
                            return data.isLoading ? loadingRow() : emptyRow(noWorkflows());
                        }
                        if (!data.shown.length) {
                            return emptyRow(nothing(
                                "No workflow matches.",
                                t.button({ type: "button", className: "btn secondary expanded-lg m-t-10", onclick: () => (data.search = data.tag = data.type = data.state = "") }, t.span({ className: "txt" }, "Clear search")),
                            ));
                        }
                        return data.shown.map((w) => row(w, data, change, load));
                    }),
                ),
            ),
            footer(() => (data.isLoading && !data.items.length ? null : data.shown.length), "workflow"),
        ),
    );
}

function filters(data) {
    const select = (label, name, options) =>
        t.div(
            { className: "field" },
            t.label({ htmlFor: "wf_filter_" + name }, label),
            t.select(
                { id: "wf_filter_" + name, onchange: (e) => (data[name] = e.target.value) },
                () => [t.option({ value: "" }, "All")].concat(options().map((o) => t.option({ value: o, selected: o == data[name] }, o))),
            ),
        );
    const distinct = (of) => [...new Set(data.items.flatMap(of).filter(Boolean))].sort();
    return t.div(
        { className: "wf-filters", role: "search" },
        select("Tag", "tag", () => distinct((w) => w.tags || [])),
        select("Trigger", "type", () => distinct((w) => w.trigger?.type)),
        select("State", "state", () => STATES),
    );
}

function noWorkflows() {
    return nothing(
        "No workflows yet.",
        t.p(null, "A workflow is a JavaScript function in a file of the ", t.code(null, "workflows"), " folder, beside ", t.code(null, "pb_data"), ". Save this as ", t.code(null, "workflows/hello.js"), ", and it is here at once:"),
        t.pre({ className: "wf-example" }, t.code(null, EXAMPLE)),
    );
}

const EXAMPLE = `workflow("hello", {
    title: "Say hello",
    on: { type: "action", collection: "posts" },
}, (ctx) => {
    ctx.step.run("greet", () => console.log("hello", ctx.data.id));
});`;

function row(w, data, change, load) {
    const stats = data.stats[w.key];
    const words = triggerWords(w.trigger);
    const id = "wf_enabled_" + w.id;
    const state = stateOf(w);
    return t.tr(
        { rid: w, className: "handle", "html-data-key": w.key, ...rowLink("#/workflows/" + encodeURIComponent(w.key)) },
        t.td(
            { "html-data-name": "Workflow", className: "wf-col-workflow" },
            t.div({ className: "wf-title" }, w.title || w.key),
            t.div(
                { className: "wf-key" },
                copyButton(w.key, t.span({ className: "txt-code txt-hint" }, w.key), icon("ri-file-copy-line")),
                state == "paused" ? t.span({ className: "label sm warning" }, "paused") : null,
                state == "missing" ? t.span({ className: "label sm warning", ariaDescription: tooltip(`The file ${w.file} is gone. It can't start any more.`) }, "file is gone") : null,
                (w.tags || []).map((tag) =>
                    t.button({ type: "button", className: "label sm handle", title: `Show those tagged "${tag}"`, onclick: () => (data.tag = tag) }, tag)
                ),
            ),
            w.error ? t.div({ className: "wf-problem" }, icon("ri-error-warning-line"), t.span(null, w.error)) : null,
        ),
        t.td({ "html-data-name": "Trigger" }, t.div({ className: "inline-flex gap-5 wf-trigger" }, icon(words.icon), t.span(null, words.text))),
        t.td({ "html-data-name": "Mode", className: "min-width" }, t.span({ className: "label" }, w.mode)),
        t.td(
            { "html-data-name": "Enabled", className: "min-width" },
            t.div(
                { className: "field" },
                t.input({
                    id,
                    type: "checkbox",
                    className: "switch sm",
                    checked: w.enabled,
                    onchange: (e) => change(w, { enabled: e.target.checked }, `${e.target.checked ? "Enabled" : "Disabled"} "${w.key}".`),
                }),
                t.label({ htmlFor: id, ariaLabel: `${w.key} is ${w.enabled ? "enabled" : "disabled"}` }),
            ),
        ),
        t.td({ "html-data-name": "24 hours", className: "min-width" }, () => bars(data.stats[w.key])),
        t.td(
            { "html-data-name": "Failures", className: "min-width" },
            () => {
                const rate = data.stats[w.key]?.failureRate;
                return t.span({ className: rate > 0 ? "txt-danger" : "txt-hint" }, rate == null ? "–" : percent(rate));
            },
        ),
        t.td({ "html-data-name": "p95", className: "min-width" }, () => {
            const p95 = data.stats[w.key]?.p95;
            return t.span({ className: "txt-hint" }, p95 == null ? "–" : duration(p95));
        }),
        t.td({ "html-data-name": "Last", className: "col-field-type-date" }, () => {
            const last = data.stats[w.key]?.last;
            if (!last) {
                return t.span({ className: "txt-hint" }, "never");
            }
            return t.a({ className: "wf-last link-hint", href: "#/executions/" + last.id, title: `Last execution: ${last.status}` }, statusLabel(last.status, "sm wf-dot"), date(last.created));
        }),
        t.td({ className: "col-meta" }, menu(w, change, load)),
    );
}

function menu(w, change, load) {
    const id = "wf_menu_" + w.id;
    const item = (iconName, label, onclick, className = "") =>
        t.button(
            {
                type: "button",
                className: "dropdown-item " + className,
                onclick: (e) => {
                    e.target.closest(".dropdown").hidePopover();
                    onclick();
                },
            },
            icon(iconName),
            t.span({ className: "txt" }, label),
        );
    return t.div(
        { className: "inline-flex" },
        t.button(
            { type: "button", className: "btn sm circle transparent secondary", "html-popovertarget": id, ariaLabel: tooltip(`More for ${w.key}`, "left") },
            icon("ri-more-line"),
        ),
        t.div(
            { id, className: "dropdown sm nowrap left", popover: "auto" },
            t.a({ className: "dropdown-item", href: "#/executions?workflow=" + encodeURIComponent(w.key) }, icon("ri-list-check-3"), t.span({ className: "txt" }, "Executions")),
            w.paused
                ? item("ri-play-line", "Resume its queue", () => pause(w, false))
                : item("ri-pause-line", "Pause its queue", () => pause(w, true)),
            w.missing
                ? item("ri-delete-bin-7-line", "Delete", () =>
                    confirm(`Do you really want to delete the workflow "${w.key}"? Its executions stay.`, async () => {
                        try {
                            await deleteWorkflow(w.id);
                            toast(`Deleted "${w.key}".`);
                            load();
                        } catch (err) {
                            showError(err);
                        }
                    }, { yesButton: "Delete", noButton: "Cancel" }), "txt-danger")
                : null,
        ),
    );
}

async function pause(w, paused) {
    try {
        await setPaused(w.key, paused);
        toast(paused ? `Paused "${w.key}": what is triggered waits.` : `Resumed "${w.key}".`);
    } catch (err) {
        showError(err);
    }
}
