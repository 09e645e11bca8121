// One workflow: its code, its settings, how it is called, what it did.
import { loadStats, loadVersions, loadWorkflow, loadWorkflows, saveSwitch, WORKFLOWS } from "../lib/api.js";
import { bars } from "../lib/bars.js";
import { executionsList } from "../lib/executions.js";
import { duration, percent, statuses, triggerWords } from "../lib/format.js";
import { copyButton, listen, pageSidebar, randomString, refreshButton, replaceQuery, setTitle, showError, store, t, toast, watch } from "../lib/host.js";
import { errorText, failure, footer, icon } from "../lib/parts.js";
import { callTab } from "../lib/workflowCall.js";
import { codeTab } from "../lib/workflowCode.js";
import { settingsTab } from "../lib/workflowSettings.js";

const TABS = { executions: "Executions", code: "Code", settings: "Settings", call: "Call it" };

const plain = (value) => JSON.parse(JSON.stringify(value ?? null));

export default function pageWorkflow(route) {
    const key = route.params.key;
    const query = Object.fromEntries(Object.entries(route.query).map(([name, values]) => [name, values[0]]));
    setTitle(["Workflows", key]);
    const requestKey = "wf_" + randomString();
    const data = store({
        tab: TABS[query.tab] ? query.tab : "executions",
        workflow: null,
        versions: [],
        stats: null,
        all: [],
        search: "",
        status: query.status || "",
        count: null,
        hasMore: false,
        reset: 0,
        isLoading: true,
        error: "",
    });

    async function load() {
        data.isLoading = true;
        try {
            const [workflow, versions] = await Promise.all([loadWorkflow(key, requestKey), loadVersions(key, requestKey + "v")]);
            data.versions = versions;
            data.workflow = workflow;
            data.error = "";
        } catch (err) {
            if (err.isAbort) {
                return;
            }
            data.error = err.status == 404 ? `There is no workflow "${key}".` : errorText(err);
        }
        data.isLoading = false;
        data.reset = Date.now();
        loadWorkflows(requestKey + "all").then((all) => (data.all = all), showError);
        loadStats(requestKey + "s", key).then((s) => (data.stats = s.workflows[0] || null), showError);
    }

    async function toggle(values) {
        try {
            data.workflow = await saveSwitch(data.workflow.id, values);
            toast("Saved.");
        } catch (err) {
            data.workflow = plain(data.workflow);
            showError(err);
        }
    }

    const stops = [];

    const tab = (name) =>
        t.button(
            {
                type: "button",
                role: "tab",
                "html-aria-selected": () => String(data.tab == name),
                className: () => `tab-item ${data.tab == name ? "active" : ""}`,
                onclick: () => {
                    data.tab = name;
                    replaceQuery({ version: "", with: "", file: "", line: "" });
                },
            },
            TABS[name],
        );

    return t.div(
        {
            pbEvent: "pageWorkflow",
            className: "page page-workflow",
            onmount: () => {
                load();
                const watcher = watch(() => replaceQuery({ tab: data.tab == "executions" ? "" : data.tab, status: data.tab == "executions" ? data.status : "" }));
                stops.push(
                    () => watcher.unwatch(),
                    listen(WORKFLOWS, "*", (e) => {
                        if (e.record.key != key) {
                            return;
                        }
                        if (e.record.version != data.workflow?.version) {
                            return load();
                        }
                        data.workflow = e.record;
                    }),
                );
            },
            onunmount: () => stops.splice(0).forEach((stop) => stop()),
        },
        sidebar(data, key),
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.a({ href: "#/workflows" }, "Workflows"), t.div({ title: key }, key)),
                copyButton(key),
                t.div({ className: "page-header-secondary-btns" }, refreshButton({ onclick: load })),
            ),
            () => (data.error ? t.div({ className: "m-b-base" }, failure(data.error, load)) : null),
            () => (data.workflow ? head(data) : data.isLoading ? t.span({ className: "skeleton-loader" }) : null),
            t.div({ className: "tabs-header m-b-sm", role: "tablist", hidden: () => !data.workflow }, Object.keys(TABS).map(tab)),
            () => {
                if (!data.workflow) {
                    return null;
                }
                switch (data.tab) {
                    case "code":
                        return codeTab(plain(data.workflow), plain(data.versions), query);
                    case "settings":
                        return settingsTab(plain(data.workflow), plain(data.versions).find((v) => v.number == data.workflow.version), toggle);
                    case "call":
                        return callTab(plain(data.workflow));
                    default:
                        return executions(data, key);
                }
            },
            footer(() => (data.tab == "executions" ? data.count : data.versions.length), () => (data.tab == "executions" ? (data.hasMore ? "execution, more to load" : "execution") : "version")),
        ),
    );
}

// The list takes its parameters from functions: it is made once for the tab.
function executions(data, key) {
    return t.div(
        { className: "wf-tab-executions" },
        t.div(
            { className: "wf-filters" },
            t.div(
                { className: "field" },
                t.label({ htmlFor: "wf_tab_status" }, "Status"),
                t.select({ id: "wf_tab_status", onchange: (e) => (data.status = e.target.value) }, () =>
                    [["", "All"], ["active", "not ended"], ["unwell", "failed, error or aborted"], ...Object.keys(statuses).map((s) => [s, s])].map(([value, text]) => t.option({ value, selected: value == data.status }, text))),
            ),
        ),
        executionsList({
            asked: () => ({ workflow: key, status: data.status }),
            workflow: false,
            reset: () => data.reset,
            clear: () => (data.status ? () => (data.status = "") : null),
            count: (n, hasMore) => {
                data.count = n;
                data.hasMore = hasMore;
            },
        }),
    );
}

function head(data) {
    const w = data.workflow;
    const words = triggerWords(w.trigger);
    const number = (label, value, className = "") => t.span({ className: "wf-number" }, t.span({ className: "txt-hint txt-sm" }, label), t.span({ className }, value));
    return t.div(
        { className: "wf-head" },
        t.div(
            { className: "wf-head-words" },
            w.title && w.title != w.key ? t.div({ className: "txt-bold txt-lg" }, w.title) : null,
            w.description ? t.p({ className: "wf-break" }, w.description) : null,
            t.div(
                { className: "wf-key" },
                t.span({ className: "inline-flex gap-5" }, icon(words.icon), words.text),
                t.span({ className: "label sm" }, w.mode),
                w.enabled ? null : t.span({ className: "label sm warning" }, "disabled"),
                w.paused ? t.span({ className: "label sm warning" }, "paused") : null,
                w.missing ? t.span({ className: "label sm warning" }, "file is gone") : null,
                (w.tags || []).map((tag) => t.a({ className: "label sm handle", href: "#/workflows?tag=" + encodeURIComponent(tag) }, tag)),
            ),
            w.error ? t.div({ className: "alert danger m-t-10" }, w.error) : null,
        ),
        t.div({ className: "wf-numbers" }, () => {
            const s = data.stats;
            return [
                number("24 hours", bars(s)),
                number("Failures", s?.failureRate == null ? "–" : percent(s.failureRate), s?.failureRate > 0 ? "txt-danger" : ""),
                number("p95", s?.p95 == null ? "–" : duration(s.p95)),
            ];
        }),
    );
}

function sidebar(data, key) {
    return pageSidebar(
        { className: "wf-sidebar", widthHistoryKey: "pbWorkflowsSidebar" },
        t.div(
            { className: "sidebar-search" },
            t.div(
                { className: "fields" },
                t.div({ className: "field" }, t.input({ type: "text", placeholder: "Search workflows...", ariaLabel: "Search workflows", value: () => data.search, oninput: (e) => (data.search = e.target.value) })),
            ),
        ),
        t.nav({ className: "sidebar-content scrollable", ariaLabel: "Workflows" }, t.details({ className: "nav-group", open: true }, t.summary(null, "Workflows"), () =>
            data.all
                .filter((w) => `${w.key} ${w.title}`.toLowerCase().includes(data.search.toLowerCase()))
                .map((w) =>
                    t.a(
                        { href: "#/workflows/" + encodeURIComponent(w.key), className: `nav-item ${w.key == key ? "active" : ""}`, title: w.title || w.key },
                        icon(w.error ? "ri-error-warning-line txt-danger" : triggerWords(w.trigger).icon),
                        t.span({ className: `txt ${w.enabled ? "" : "txt-hint"}` }, w.key),
                    )
                ))),
    );
}
