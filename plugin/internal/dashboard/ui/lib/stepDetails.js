// All that the journal holds of one step.
import { t } from "./host.js";
import { duration, toTime } from "./format.js";
import { jsonView } from "./json.js";
import { logLines } from "./logs.js";
import { dateLine, icon, statusLabel } from "./parts.js";
import { problem } from "./problem.js";
import { kindIcons, stepName } from "./timeline.js";

/** again is what runs the execution again from this step, or nothing. */
export function stepDetails(s, link, again) {
    const attempts = s.attempts || [];
    return t.section(
        { className: "wf-step", ariaLabel: "Step " + s.name, "html-data-step": s.name },
        t.header(
            null,
            icon(kindIcons[s.kind] || "ri-checkbox-blank-circle-line"),
            t.strong({ className: "wf-break" }, stepName(s)),
            t.span({ className: "label sm" }, s.kind),
            statusLabel(s.status, "sm"),
            s.startedAt ? t.span({ className: "txt-hint txt-sm" }, dateLine(s.startedAt, true), s.finishedAt ? ", " + duration(toTime(s.finishedAt) - toTime(s.startedAt)) : "") : null,
            s.status == "waiting" && s.wakeAt ? t.span({ className: "txt-hint txt-sm" }, "until ", dateLine(s.wakeAt)) : null,
            again ? t.button({ type: "button", className: "btn sm outline m-l-auto", onclick: again }, icon("ri-restart-line"), t.span({ className: "txt" }, "Rerun from this step")) : null,
        ),
        s.ref ? t.p({ className: "txt-hint" }, s.kind == "invoke" ? ["Child: ", t.a({ href: "#/executions/" + s.ref, className: "link-primary txt-code" }, s.ref)] : [s.status == "waiting" ? "Waits for " : "Event: ", t.code(null, s.ref)]) : null,
        problem(s.error, link),
        attempts.length
            ? t.details(
                { className: "wf-attempts", open: attempts.length < 4 },
                t.summary(null, `${attempts.length} failed ${attempts.length == 1 ? "attempt" : "attempts"}`),
                attempts.map((a, i) =>
                    t.div(
                        { className: "wf-log" },
                        t.span({ className: "label sm danger" }, `#${a.number || i + 1}`),
                        dateLine(a.startedAt, true),
                        t.span({ className: "txt-hint" }, duration(toTime(a.finishedAt) - toTime(a.startedAt))),
                        t.span({ className: "txt-danger wf-break" }, a.error?.message),
                    )
                ),
            )
            : null,
        s.options != null ? jsonView("Options", s.options) : null,
        s.status == "completed" ? jsonView("Result", s.result) : null,
        s.messages?.length ? jsonView("Messages", s.messages, "for the client") : null,
        s.logs?.length ? t.section({ className: "wf-json", ariaLabel: "Logs of the step" }, t.header(null, t.span({ className: "txt-bold" }, "Logs")), logLines(s.logs)) : null,
    );
}
