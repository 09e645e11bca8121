// One execution: its steps over time, drawn while they happen.
import { cancel, deleteExecution, loadExecution, loadSome, loadSteps, rerun, EXECUTIONS, STEPS } from "../lib/api.js";
import { causeWords, duration, isFinal, toTime } from "../lib/format.js";
import { confirm, listen, pb, previewRecord, randomString, refreshButton, setTitle, showError, store, t, toast, tooltip } from "../lib/host.js";
import { jsonView } from "../lib/json.js";
import { logLines } from "../lib/logs.js";
import { dateLine, errorText, failure, footer, icon, statusLabel } from "../lib/parts.js";
import { problem } from "../lib/problem.js";
import { openSendEvent } from "../lib/sendEvent.js";
import { stepDetails } from "../lib/stepDetails.js";
import { stepName, timeline } from "../lib/timeline.js";

const plain = (value) => JSON.parse(JSON.stringify(value ?? null));

export default function pageExecution(route) {
    const id = route.params.id;
    setTitle(["Executions", id]);
    const requestKey = "wf_" + randomString();
    const data = store({
        x: null,
        steps: [],
        children: [],
        reruns: [],
        selected: route.query.step?.[0] || "",
        isLoading: true,
        error: "",
        now: Date.now(),
        get isEnded() {
            return !!data.x && isFinal(data.x.status);
        },
        get step() {
            return data.steps.find((s) => s.id == data.selected);
        },
    });

    async function load() {
        data.isLoading = true;
        try {
            data.x = await loadExecution(id, requestKey);
            data.error = "";
            await loadJournal();
        } catch (err) {
            if (err.isAbort) {
                return;
            }
            data.error = err.status == 404 ? "There is no such execution, or not any more." : errorText(err);
        }
        data.isLoading = false;
        loadFamily().catch(showError);
    }

    // What happened between the first look and the subscription was told to nobody.
    async function catchUp(loaded) {
        await loaded;
        if (data.x && !data.isEnded) {
            data.x = await loadExecution(id, requestKey + "l");
            await loadJournal();
        }
    }

    async function loadJournal() {
        const steps = await loadSteps(id, requestKey + "s");
        data.steps = steps;
        if (!data.selected) {
            const bad = steps.find((s) => s.status == "failed" || s.status == "error");
            data.selected = (bad || steps.find((s) => s.status == "waiting"))?.id || "";
        }
    }

    async function loadFamily() {
        [data.children, data.reruns] = (await Promise.all([
            loadSome(pb.filter("parent = {:id} && parent != ''", { id }), requestKey + "c"),
            loadSome(pb.filter("rerunOf = {:id} && rerunOf != ''", { id }), requestKey + "r"),
        ])).map((r) => r.items);
    }

    let timer;
    function soon() {
        timer ||= setTimeout(() => {
            timer = null;
            loadJournal().catch(showError);
            loadFamily().catch(showError);
        }, 200);
    }

    const stops = [];
    const link = (file, line) => `#/workflows/${encodeURIComponent(data.x.workflow)}?tab=code&version=${data.x.version}&file=${encodeURIComponent(file.replace(/^[^/]*\//, ""))}&line=${line}`;

    async function act(what, done) {
        try {
            const answer = await what();
            toast(done);
            return answer;
        } catch (err) {
            showError(err);
        }
    }

    const again = (from, words) =>
        confirm(words, async () => {
            const answer = await act(() => rerun(id, from), "Started again.");
            if (answer) {
                window.location.hash = "#/executions/" + answer.id;
            }
        }, { yesButton: "Run again", noButton: "Back" });

    const button = (className, iconName, label, onclick) =>
        t.button({ type: "button", className: "btn " + className, onclick, ariaLabel: label }, icon(iconName), t.span({ className: "txt" }, label));

    return t.div(
        {
            pbEvent: "pageExecution",
            className: "page page-execution",
            onmount: () => {
                const loaded = load();
                const clock = setInterval(() => {
                    if (data.x && !data.isEnded) {
                        data.now = Date.now();
                    }
                }, 500);
                stops.push(
                    () => clearInterval(clock),
                    () => clearTimeout(timer),
                    listen(EXECUTIONS, id, (e) => {
                        if (e.action == "delete") {
                            data.error = "The execution was deleted.";
                            return;
                        }
                        data.now = Date.now();
                        data.x = e.record;
                        soon();
                    }, undefined, () => catchUp(loaded).catch(showError)),
                    listen(STEPS, "*", (e) => {
                        const steps = plain(data.steps).filter((s) => s.id != e.record.id).concat([e.record]);
                        steps.sort((a, b) => toTime(a.startedAt) - toTime(b.startedAt) || a.seq - b.seq);
                        data.now = Date.now();
                        data.steps = steps;
                    }, { filter: pb.filter("execution = {:id}", { id }) }),
                );
            },
            onunmount: () => {
                timer = null;
                stops.splice(0).forEach((stop) => stop());
            },
        },
        t.div(
            { className: "page-content full-height" },
            t.header(
                { className: "page-header" },
                t.nav(
                    { className: "breadcrumbs" },
                    t.a({ href: "#/executions" }, "Executions"),
                    t.a({ href: () => "#/executions?workflow=" + encodeURIComponent(data.x?.workflow || "") }, () => data.x?.workflow || "..."),
                    t.div({ title: id }, id),
                ),
                () => (data.x ? statusLabel(data.x.status) : null),
                t.div({ className: "page-header-secondary-btns" }, refreshButton({ onclick: load })),
                t.div({ className: "page-header-primary-btns" }, () => {
                    if (!data.x) {
                        return null;
                    }
                    if (!data.isEnded) {
                        return [
                            button("outline", "ri-send-plane-line", "Send event", () => openSendEvent(id, data.steps.find((s) => s.status == "waiting" && s.kind == "waitForEvent")?.ref)),
                            button("outline danger", "ri-forbid-line", "Cancel", () =>
                                confirm("Do you really want to cancel this execution?", () => act(() => cancel(id), "Canceled."), { yesButton: "Cancel it", noButton: "Back" })),
                        ];
                    }
                    return [
                        button("outline danger", "ri-delete-bin-7-line", "Delete", () =>
                            confirm("Do you really want to delete this execution with its steps?", async () => {
                                if (await act(() => deleteExecution(id), "Deleted.")) {
                                    window.location.hash = "#/executions";
                                }
                            }, { yesButton: "Delete", noButton: "Back" })),
                        data.x.status == "completed" ? null : button("outline", "ri-skip-forward-line", "Rerun from the failure", () => again("failed", "Do you want to run it again from where it failed? Steps that completed before are taken over.")),
                        button("", "ri-restart-line", "Rerun", () => again("start", "Do you want to run it again from the start, on the present version?")),
                    ].filter(Boolean);
                }),
            ),
            () => (data.error ? t.div({ className: "m-b-base" }, failure(data.error, load)) : null),
            () => {
                if (!data.x) {
                    return data.isLoading ? t.span({ className: "skeleton-loader" }) : t.div();
                }
                return t.div(
                    { className: "block m-b-base wf-execution" },
                    () => problem(data.x.error && { ...plain(data.x.error), stack: data.x.error.stack || data.x.errorStack }, link),
                    t.div({ className: "wf-facts" }, () => facts(data)),
                    t.div({ className: "section-heading" }, icon("ri-bar-chart-horizontal-line"), "Steps"),
                    timeline({
                        execution: () => data.x,
                        steps: () => data.steps,
                        now: () => data.now,
                        selected: () => data.selected,
                        onselect: (s) => (data.selected = data.selected == s.id ? "" : s.id),
                    }),
                    () => {
                        const s = data.step;
                        return s
                            ? stepDetails(plain(s), link, data.isEnded && s.kind != "branch"
                                ? () => again({ step: s.name, index: s.index }, `Do you want to run it again from the step "${stepName(s)}"? Steps that completed before are taken over.`)
                                : null)
                            : null;
                    },
                    () => values(data),
                );
            },
            footer(() => (data.isLoading ? null : data.steps.length), "step"),
        ),
    );
}

function facts(data) {
    const x = data.x;
    const cause = x.trigger || {};
    const record = (collection, id) =>
        collection && id
            ? t.button({ type: "button", className: "link-hint wf-link txt-code", title: "Show the record", onclick: () => previewRecord(collection, id) }, `${collection}/${id}`)
            : null;
    const execution = (id, words) => t.a({ href: "#/executions/" + id, className: "link-primary txt-code" }, words || id);
    const others = (list) => t.span({ className: "wf-others" }, list.map((c) => t.a({ href: "#/executions/" + c.id, className: "wf-other", title: c.workflow }, statusLabel(c.status, "sm wf-dot"), t.span({ className: "txt-code" }, c.workflow))));
    const fact = (label, ...value) => t.div({ className: "wf-fact" }, t.div({ className: "txt-hint txt-sm" }, label), t.div({ className: "wf-fact-value" }, ...value));
    const ended = x.finishedAt ? toTime(x.finishedAt) : data.now;
    return [
        fact("Workflow", t.a({ href: "#/workflows/" + encodeURIComponent(x.workflow), className: "link-primary txt-code" }, x.workflow), x.version ? t.a({ href: `#/workflows/${encodeURIComponent(x.workflow)}?tab=code&version=${x.version}`, className: "label sm handle m-l-5", ariaDescription: tooltip("The version it is pinned to") }, `v${x.version}`) : null),
        fact("Started by", causeWords(cause), cause.path ? t.span({ className: "txt-hint" }, ` over ${cause.path}`) : null),
        cause.record ? fact("Record", record(cause.collection, cause.record)) : null,
        fact("User", record(x.userCollection, x.user) || t.span({ className: "txt-hint" }, "nobody"), x.roleName ? t.span({ className: "label sm m-l-5" }, `as ${x.roleName}`) : null),
        cause.request ? fact("Request", t.span({ className: "txt-code wf-break" }, cause.request)) : null,
        fact("Mode", x.mode),
        fact("Created", dateLine(x.created, true)),
        x.startedAt ? fact("Started", dateLine(x.startedAt, true)) : null,
        x.startedAt ? fact(x.finishedAt ? "Took" : "For", duration(ended - toTime(x.startedAt))) : null,
        x.finishedAt ? fact("Ended", dateLine(x.finishedAt, true)) : null,
        x.status == "waiting" && x.wakeAt ? fact("Waits until", dateLine(x.wakeAt)) : null,
        x.reason ? fact("Reason", t.span({ className: "txt-code" }, x.reason)) : null,
        x.attempt > 1 ? fact("Taken up", `${x.attempt} times`) : null,
        x.parent ? fact("Parent", execution(x.parent), x.root && x.root != x.parent ? t.span({ className: "txt-hint" }, " of ", execution(x.root, "the first")) : null) : null,
        data.children.length ? fact("Children", others(data.children)) : null,
        x.rerunOf ? fact("Rerun of", execution(x.rerunOf)) : null,
        data.reruns.length ? fact("Run again as", others(data.reruns)) : null,
    ].filter(Boolean);
}

function values(data) {
    const x = plain(data.x);
    const input = x.input || {};
    return t.div(
        { className: "wf-values" },
        jsonView("Data", input.data ?? null, "ctx.data"),
        input.original != null ? jsonView("Before", input.original, "ctx.original") : null,
        input.params != null ? jsonView("Parameters", input.params, "ctx.params") : null,
        input.user != null ? jsonView("User", input.user, "ctx.user") : null,
        x.status == "completed" ? jsonView("Output", x.output) : null,
        x.messages?.length ? jsonView("Messages", x.messages, "for the client") : null,
        x.logs?.length ? logsView(x.logs) : null,
    );
}

function logsView(logs) {
    return t.section({ className: "wf-json", ariaLabel: "Logs" }, t.header(null, t.span({ className: "txt-bold" }, "Logs"), t.span({ className: "txt-hint txt-sm" }, "outside of steps")), logLines(logs));
}
