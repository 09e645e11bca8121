// The steps of an execution as bars over time: attempts as marks, waiting hatched.
import { t, tooltip } from "./host.js";
import { duration, isFinal, statuses, toTime } from "./format.js";
import { icon } from "./parts.js";

export const kindIcons = {
    run: "ri-play-circle-line",
    transaction: "ri-database-2-line",
    sleep: "ri-zzz-line",
    sleepUntil: "ri-zzz-line",
    waitForEvent: "ri-mail-line",
    eventUrl: "ri-link",
    invoke: "ri-node-tree",
    parallel: "ri-git-branch-line",
    map: "ri-stack-line",
    branch: "ri-corner-down-right-line",
    task: "ri-user-follow-line",
};

const waits = ["sleep", "sleepUntil", "waitForEvent", "task", "invoke"];

/** The name of a step, with its number where it is not the first of that name. */
export const stepName = (s) => (s.index > 0 ? `${s.name} #${s.index + 1}` : s.name);

// A step's own start is that of its last attempt.
const begin = (s) => Math.min(...[s.startedAt, s.attempts?.[0]?.startedAt].map(toTime).filter(Number.isFinite));

/** props: execution, steps, now, selected (functions), onselect(step). */
export function timeline({ execution, steps, now, selected, onselect }) {
    return t.div({ className: "wf-timeline", role: "list", ariaLabel: "Steps over time" }, () => {
        const x = execution();
        const all = steps();
        if (!x) {
            return null;
        }
        const isEnded = isFinal(x.status);
        const start = Math.min(...[toTime(x.startedAt), ...all.map(begin)].filter(Number.isFinite), isEnded ? Infinity : now());
        const end = Math.max(...[toTime(x.finishedAt), ...all.map((s) => toTime(s.finishedAt))].filter(Number.isFinite), isEnded ? 0 : now());
        if (!Number.isFinite(start) || !all.length) {
            return t.p({ className: "txt-hint" }, isEnded ? "It had no steps." : x.status == "queued" ? "It waits for its turn." : "No step has ended yet.");
        }
        const span = Math.max(end - start, 1);
        const at = (time) => Math.min(Math.max(((time - start) / span) * 100, 0), 100);
        const bar = (className, from, to, attrs = {}) =>
            t.span({ className: "wf-tl-bar " + className, style: `left:${at(from)}%;width:${Math.max(at(to) - at(from), 0)}%`, ...attrs });
        const rows = all.map((s) => row(s));
        if (x.status == "running") {
            const last = Math.max(start, ...all.map((s) => toTime(s.finishedAt)).filter(Number.isFinite));
            rows.push(t.div(
                { className: "wf-tl-row wf-tl-now" },
                t.span({ className: "wf-tl-name txt-hint" }, icon("ri-loader-4-line"), "now"),
                t.span({ className: "wf-tl-track" }, bar("running", last, now())),
                t.span({ className: "wf-tl-took" }, duration(now() - last)),
            ));
        }
        return [t.div(
            { className: "wf-tl-axis", ariaHidden: true },
            [0, 0.25, 0.5, 0.75, 1].map((f) => t.span({ style: `left:${f * 100}%` }, f == 0 ? "0" : duration(span * f))),
        )].concat(rows);

        function row(s) {
            const from = begin(s);
            const to = s.finishedAt ? toTime(s.finishedAt) : isEnded ? end : now();
            const isWait = waits.includes(s.kind);
            const attempts = s.attempts || [];
            const parts = [];
            if (Number.isFinite(from)) {
                // Between two attempts it waits.
                parts.push(bar((isWait || (attempts.length && s.status == "waiting") ? "hatched " : attempts.length ? "hatched thin " : "") + (statuses[s.status]?.class || "") + " " + s.status, from, to));
                attempts.forEach((a, i) => {
                    const finish = toTime(a.finishedAt);
                    parts.push(bar("danger", toTime(a.startedAt), finish), t.span({ className: "wf-tl-mark", style: `left:${at(finish)}%`, title: `attempt ${a.number || i + 1}: ${a.error?.message || "failed"}` }));
                });
                if (attempts.length && s.status == "completed") {
                    parts.push(bar("success", toTime(s.startedAt), to));
                }
            }
            const depth = s.branch ? s.branch.split("/").length : 0;
            const words = `${s.kind} "${stepName(s)}": ${s.status}${s.attempt > 1 ? `, attempt ${s.attempt}` : ""}, ${duration(to - from)}`;
            return t.button(
                {
                    type: "button",
                    rid: s.id + s.status + s.attempt + (s.finishedAt || now()),
                    "html-data-step": s.name,
                    className: () => `wf-tl-row ${selected() == s.id ? "active" : ""}`,
                    ariaLabel: words,
                    "html-aria-pressed": () => String(selected() == s.id),
                    onclick: () => onselect(s),
                },
                t.span({ className: "wf-tl-name", style: `padding-left:${depth * 14}px`, title: words }, icon(kindIcons[s.kind] || "ri-checkbox-blank-circle-line"), t.span({ className: "txt" }, stepName(s))),
                t.span({ className: "wf-tl-track" }, parts),
                t.span({ className: "wf-tl-took" }, s.attempt > 1 ? t.span({ className: "label sm warning", title: "attempts" }, `${s.attempt}×`) : null, s.status == "failed" || s.status == "error" ? icon("ri-close-line txt-danger") : null, duration(to - from)),
            );
        }
    });
}
