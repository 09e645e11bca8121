// All executions, whatever their workflow.
import { loadWorkflows, cancelMatching, rerunMatching } from "../lib/api.js";
import { executionsList } from "../lib/executions.js";
import { plural, statuses } from "../lib/format.js";
import { confirm, randomString, refreshButton, replaceQuery, searchbar, setTitle, showError, store, t, toast, tooltip, watch } from "../lib/host.js";
import { footer, icon } from "../lib/parts.js";
import { build } from "../lib/query.js";

const NAMES = ["status", "workflow", "user", "record", "from", "to", "search"];

export default function pageExecutions(route) {
    setTitle("Executions");
    const data = store({
        ...Object.fromEntries(NAMES.map((name) => [name, route.query[name]?.[0] || ""])),
        workflows: [],
        count: null,
        hasMore: false,
        reset: 0,
        get isFiltered() {
            return NAMES.some((name) => data[name]);
        },
    });
    const asked = () => Object.fromEntries(NAMES.map((name) => [name, data[name]]));
    const clear = () => NAMES.forEach((name) => (data[name] = ""));
    const requestKey = "wf_" + randomString();
    let watcher;

    function all(question, button, act, done) {
        const filter = build(asked()) || "id != ''";
        confirm(t.div({ className: "txt-center" }, t.h6({ className: "block" }, question), t.p({ className: "txt-code txt-sm wf-break m-t-10" }, filter)), async () => {
            try {
                toast(done(await act(filter)));
            } catch (err) {
                showError(err);
            }
        }, { yesButton: button, noButton: "Back" });
    }

    return t.div(
        {
            pbEvent: "pageExecutions",
            className: "page page-executions",
            onmount: () => {
                watcher = watch(() => replaceQuery(asked()));
                loadWorkflows(requestKey).then((items) => (data.workflows = items.map((w) => w.key)), showError);
            },
            onunmount: () => watcher?.unwatch(),
        },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav({ className: "breadcrumbs" }, t.a({ href: "#/workflows" }, "Workflows"), t.div(null, "Executions")),
                t.div(
                    { className: "page-header-secondary-btns" },
                    t.button({ type: "button", className: "btn circle transparent secondary", "html-popovertarget": "wf-executions-more", ariaLabel: tooltip("More") }, icon("ri-more-line")),
                    t.div(
                        { id: "wf-executions-more", className: "dropdown sm nowrap left", popover: "auto" },
                        menuItem("ri-forbid-line", "Cancel all that match", () =>
                            all("Do you really want to cancel all executions that have not ended and match this filter?", "Cancel them", cancelMatching, (r) => `Canceled ${plural(r.canceled, "execution")}.`)),
                        menuItem("ri-restart-line", "Rerun all that match", () =>
                            all("Do you really want to run all ended executions again that match this filter?", "Run again", rerunMatching, (r) => `Started ${plural(r.executions.length, "execution")} again.`)),
                    ),
                    refreshButton({ onclick: () => (data.reset = Date.now()) }),
                ),
            ),
            searchbar({
                historyKey: "pbExecutionsSearch",
                placeholder: "Text in the error, or a filter like `attempt > 1 && created >= @todayStart`",
                value: () => data.search,
                onsubmit: (value) => (data.search = value.trim()),
                autocomplete: ["id", "workflow", "status", "reason", "mode", "version", "attempt", "created", "startedAt", "finishedAt", "wakeAt", "user", "roleName", "parent", "root", "rerunOf", "error.message", "error.step", "trigger.type", "trigger.collection", "trigger.record", "trigger.action"],
            }),
            filters(data),
            executionsList({
                asked,
                reset: () => data.reset,
                clear: () => (data.isFiltered ? clear : null),
                count: (n, hasMore) => {
                    data.count = n;
                    data.hasMore = hasMore;
                },
            }),
            footer(() => data.count, () => (data.hasMore ? "execution, more to load" : "execution")),
        ),
    );
}

function menuItem(iconName, label, onclick) {
    return t.button(
        {
            type: "button",
            className: "dropdown-item",
            onclick: (e) => {
                e.target.closest(".dropdown").hidePopover();
                onclick();
            },
        },
        icon(iconName),
        t.span({ className: "txt" }, label),
    );
}

function filters(data) {
    const field = (label, name, control) => t.div({ className: "field" }, t.label({ htmlFor: "wf_x_" + name }, label), control);
    const input = (label, name, type, placeholder = "") =>
        field(label, name, t.input({ id: "wf_x_" + name, type, placeholder, value: () => data[name], onchange: (e) => (data[name] = e.target.value.trim()) }));
    const select = (label, name, options) =>
        field(
            label,
            name,
            t.select({ id: "wf_x_" + name, onchange: (e) => (data[name] = e.target.value) }, () =>
                options().map(([value, text]) => t.option({ value, selected: value == data[name] }, text))),
        );
    return t.div(
        { className: "wf-filters", role: "search" },
        select("Status", "status", () => [["", "All"], ["active", "not ended"], ["unwell", "failed, error or aborted"], ...Object.keys(statuses).map((s) => [s, s])]),
        select("Workflow", "workflow", () => [["", "All"], ...[...new Set([...data.workflows, data.workflow])].filter(Boolean).map((key) => [key, key])]),
        input("User", "user", "text", "id"),
        input("Record", "record", "text", "id"),
        input("From", "from", "datetime-local"),
        input("To", "to", "datetime-local"),
    );
}
