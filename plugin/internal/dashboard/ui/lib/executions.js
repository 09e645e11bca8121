// A list of executions: newest first, live, with a bar for what is selected.
import { cancel, deleteExecution, rerun, EXECUTIONS } from "./api.js";
import { causeWords, duration, isFinal, plural, toTime } from "./format.js";
import { confirm, listen, randomString, selectRange, showError, store, t, toast, toastInfo, watch } from "./host.js";
import { date, dateLine, emptyRow, errorText, failure, icon, loadingRow, nothing, rowLink, statusLabel, th } from "./parts.js";
import { find, matching } from "./query.js";

/**
 * asked: () => what is looked for (see query.js). workflow: false leaves out the
 * column. clear: shows all again. count: is told how many are shown.
 */
export function executionsList({ asked, workflow = true, clear, count, reset }) {
    const uid = "wf_x_" + randomString();
    const data = store({
        items: [],
        selected: {},
        isLoading: false,
        searchedTo: null,
        hasMore: false,
        error: "",
        now: Date.now(),
        get totalSelected() {
            return Object.keys(data.selected).length;
        },
    });

    let turn = 0;

    async function load(more = false) {
        const mine = ++turn;
        const before = more ? data.items[data.items.length - 1] : null;
        data.isLoading = true;
        data.error = "";
        data.searchedTo = null;
        if (!more) {
            data.selected = {};
        }
        let first = !more;
        try {
            await find(asked(), before && { id: before.id, created: before.created }, uid, (items, searchedTo, hasMore) => {
                if (mine != turn) {
                    return;
                }
                data.items = first ? items : plain(data.items).concat(items);
                first = false;
                data.searchedTo = searchedTo;
                data.hasMore = hasMore;
            });
        } catch (err) {
            if (err.isAbort || mine != turn) {
                return;
            }
            if (!more) {
                data.items = [];
            }
            data.error = errorText(err);
        }
        data.searchedTo = null;
        data.isLoading = false;
    }

    // What happens meanwhile is gathered, and asked for once in a while.
    const changed = new Set();
    let timer;

    function happened(e) {
        if (e.action == "delete") {
            data.items = plain(data.items).filter((x) => x.id != e.record.id);
            return;
        }
        changed.add(e.record.id);
        timer ||= setTimeout(follow, 250);
    }

    async function follow() {
        timer = null;
        const ids = [...changed].sort().slice(-100);
        changed.clear();
        const shown = plain(data.items);
        const oldest = shown[shown.length - 1]?.id || "";
        try {
            const known = new Set(shown.map((x) => x.id));
            const wanted = ids.filter((id) => known.has(id) || id > oldest || !data.hasMore);
            if (!wanted.length) {
                return;
            }
            const rows = await matching(asked(), wanted, uid + "live");
            const byID = new Map(rows.map((x) => [x.id, x]));
            const all = plain(data.items).map((x) => byID.get(x.id) || x);
            const have = new Set(all.map((x) => x.id));
            // A row that does not match any more stays until the next load.
            const gone = wanted.filter((id) => have.has(id) && !byID.has(id));
            for (const x of rows) {
                if (!have.has(x.id)) {
                    all.push(x);
                }
            }
            all.sort((a, b) => (a.id < b.id ? 1 : -1));
            data.items = all;
            if (gone.length) {
                const now = await matching({}, gone, uid + "gone");
                data.items = plain(data.items).map((x) => now.find((y) => y.id == x.id) || x);
            }
        } catch (err) {
            if (!err.isAbort) {
                console.debug("Following executions:", err);
            }
        }
    }

    function select(row, on, shift) {
        const selected = Object.fromEntries(Object.keys(plain(data.selected)).map((id) => [id, true]));
        if (shift) {
            selectRange(data.items, selected, row, on);
        }
        if (on) {
            selected[row.id] = true;
        } else {
            delete selected[row.id];
        }
        data.selected = selected;
    }

    const selectedRows = () => plain(data.items).filter((x) => data.selected[x.id]);

    // One after the other in small groups: each one may be refused for itself.
    async function each(rows, act, done, refusedWords) {
        let ok = 0;
        const refused = [];
        for (let i = 0; i < rows.length; i += 10) {
            await Promise.all(rows.slice(i, i + 10).map((x) => act(x.id).then(() => ok++, (err) => refused.push(err))));
        }
        data.selected = {};
        if (ok) {
            toast(`${done} ${plural(ok, "execution")}.`);
        }
        if (refused.length) {
            ok ? toastInfo(`${plural(refused.length, "execution")} ${refusedWords}: ${errorText(refused[0])}`) : showError(refused[0]);
        }
    }

    function ask(question, button, act) {
        confirm(question, act, { yesButton: button, noButton: "Back" });
    }

    function cancelSelected() {
        const rows = selectedRows().filter((x) => !isFinal(x.status));
        if (!rows.length) {
            return toastInfo("All selected executions have ended already.");
        }
        ask(`Do you really want to cancel ${plural(rows.length, "execution")}?`, "Cancel them", () => each(rows, cancel, "Canceled", "could not be canceled"));
    }

    function rerunSelected() {
        const rows = selectedRows().filter((x) => isFinal(x.status));
        if (!rows.length) {
            return toastInfo("Only executions that have ended can be run again.");
        }
        ask(`Do you want to run ${plural(rows.length, "execution")} again, from the start?`, "Run again", () => each(rows, rerun, "Started again", "could not be run again"));
    }

    function deleteSelected() {
        const rows = selectedRows().filter((x) => isFinal(x.status));
        if (!rows.length) {
            return toastInfo("Only executions that have ended can be deleted. Cancel them first.");
        }
        ask(`Do you really want to delete ${plural(rows.length, "execution")} with their steps?`, "Delete", () => each(rows, deleteExecution, "Deleted", "could not be deleted"));
    }

    const bulkButton = (className, iconName, label, onclick) =>
        t.button({ type: "button", className: "btn sm pill " + className, onclick }, icon(iconName), t.span({ className: "txt" }, label));

    const stops = [];

    return t.div(
        {
            className: "page-table-wrapper wf-executions",
            onmount: () => {
                const watchers = [
                    watch(() => JSON.stringify([asked(), reset?.()]), () => load()),
                    watch(() => count?.(data.isLoading && !data.items.length ? null : data.items.length, data.hasMore)),
                ];
                const clock = setInterval(() => {
                    if (data.items.some((x) => x.status == "running")) {
                        data.now = Date.now();
                    }
                }, 1000);
                stops.push(
                    () => watchers.forEach((w) => w.unwatch()),
                    () => clearInterval(clock),
                    () => clearTimeout(timer),
                    listen(EXECUTIONS, "*", happened, { query: { fields: "id" } }),
                );
            },
            onunmount: () => {
                turn++;
                timer = null;
                stops.splice(0).forEach((stop) => stop());
            },
        },
        () => (data.error ? t.div({ className: "m-b-sm" }, failure(data.error, () => load())) : null),
        t.table(
            { className: "responsive-table" },
            t.thead(
                { className: "sticky" },
                t.tr(
                    null,
                    t.th(
                        { className: "col-bulk-select" },
                        t.div(
                            { className: "field", hidden: () => data.isLoading },
                            t.input({
                                id: uid + "all",
                                type: "checkbox",
                                disabled: () => !data.items.length,
                                checked: () => data.items.length > 0 && data.totalSelected == data.items.length,
                                onchange: (e) => (data.selected = e.target.checked ? Object.fromEntries(data.items.map((x) => [x.id, true])) : {}),
                            }),
                            t.label({ htmlFor: uid + "all", ariaLabel: "Select all that are shown" }),
                        ),
                        t.span({ className: "loader", hidden: () => !data.isLoading }),
                    ),
                    th("ri-key-line", "id", "col-field-name-id"),
                    th("ri-pulse-line", "Status", "min-width"),
                    workflow ? th("ri-flow-chart", "Workflow") : null,
                    th("ri-flashlight-line", "Started by"),
                    th("ri-timer-line", "Took", "min-width"),
                    th("ri-calendar-line", "Created", "col-field-type-date"),
                    t.th({ className: "col-meta" }),
                ),
            ),
            t.tbody(
                null,
                () => {
                    if (data.items.length) {
                        return data.items.map((x) => row(x));
                    }
                    if (data.isLoading) {
                        return loadingRow();
                    }
                    if (data.error) {
                        return emptyRow(nothing("Nothing to show."));
                    }
                    return emptyRow(clear?.()
                        ? nothing("No execution matches.", t.button({ type: "button", className: "btn secondary expanded-lg m-t-10", onclick: () => clear()() }, t.span({ className: "txt" }, "Clear search")))
                        : nothing("No executions yet.", t.p(null, "An execution is here as soon as something triggers a workflow, for example a request with ", t.code(null, "?triggerWorkflows=key"), ".")));
                },
                t.tr(
                    { hidden: () => data.searchedTo == null },
                    t.td({ colSpan: 99, className: "txt-hint txt-center" }, t.span({ className: "loader sm" }), " Searched back to ", () => (data.searchedTo ? dateLine(new Date(data.searchedTo).toISOString()) : ""), ", looking further..."),
                ),
                t.tr(
                    { hidden: () => !data.hasMore },
                    t.td(
                        { colSpan: 99 },
                        t.button(
                            {
                                type: "button",
                                className: () => `btn lg secondary load-more-btn ${data.isLoading ? "transparent loading" : ""}`,
                                disabled: () => data.isLoading,
                                onclick: () => load(true),
                            },
                            t.span({ className: "txt" }, "Load more"),
                        ),
                    ),
                ),
            ),
        ),
        t.div(
            { className: "bulkbar-wrapper" },
            t.div(
                { className: "bulkbar wf-bulkbar", hidden: () => !data.totalSelected },
                t.span({ className: "txt" }, "Selected ", t.strong(null, () => data.totalSelected)),
                bulkButton("secondary m-r-auto", "ri-close-line", "Reset", () => (data.selected = {})),
                bulkButton("outline", "ri-forbid-line", "Cancel", cancelSelected),
                bulkButton("outline", "ri-restart-line", "Rerun", rerunSelected),
                bulkButton("outline danger", "ri-delete-bin-7-line", "Delete", deleteSelected),
            ),
        ),
    );

    function row(x) {
        const cause = x.trigger || {};
        return t.tr(
            { rid: x, className: "handle", "html-data-id": x.id, ...rowLink("#/executions/" + x.id) },
            t.td(
                { className: "col-bulk-select" },
                t.div(
                    { className: "field" },
                    t.input({
                        id: uid + x.id,
                        type: "checkbox",
                        checked: () => !!data.selected[x.id],
                        onchange: (e) => {
                            select(x, e.target.checked, e.target.__shiftKey);
                            e.target.__shiftKey = false;
                        },
                    }),
                    t.label({
                        htmlFor: uid + x.id,
                        ariaLabel: "Select " + x.id,
                        onclick: (e) => {
                            e.preventDefault();
                            const input = document.getElementById(uid + x.id);
                            input.__shiftKey = e.shiftKey;
                            input.click();
                        },
                    }),
                ),
            ),
            t.td({ className: "col-field-name-id" }, t.span({ className: "label txt-code" }, x.id)),
            t.td({ className: "min-width", "html-data-name": "Status" }, statusLabel(x.status)),
            workflow
                ? t.td(
                    { "html-data-name": "Workflow" },
                    t.a({ href: "#/workflows/" + encodeURIComponent(x.workflow), className: "link-hint txt-code" }, x.workflow),
                    outcome(x),
                )
                : null,
            t.td(
                { "html-data-name": "Started by" },
                t.div(null, causeWords(cause)),
                t.div({ className: "txt-sm txt-hint wf-break" }, [cause.collection, cause.record].filter(Boolean).join("/") || null, x.rerunOf ? t.span({ className: "label sm" }, icon("ri-restart-line"), "rerun") : null),
                workflow ? null : outcome(x),
            ),
            t.td({ className: "min-width txt-hint", "html-data-name": "Took" }, () => took(x, data.now)),
            t.td({ className: "col-field-type-date", "html-data-name": "Created" }, date(x.created)),
            t.td({ className: "col-meta" }, t.i({ className: "ri-arrow-right-line m-r-10", ariaHidden: true })),
        );
    }
}

function outcome(x) {
    const text = x.error?.message || x.reason;
    return text ? t.div({ className: `txt-sm wf-outcome ${x.error ? "txt-danger" : "txt-hint"}`, title: text }, text) : null;
}

function took(x, now) {
    if (!x.startedAt) {
        return "–";
    }
    if (x.status == "waiting") {
        return x.wakeAt ? "until " + new Date(toTime(x.wakeAt)).toLocaleString() : "waits";
    }
    return duration((x.finishedAt ? toTime(x.finishedAt) : now) - toTime(x.startedAt));
}

const plain = (value) => JSON.parse(JSON.stringify(value ?? null));
