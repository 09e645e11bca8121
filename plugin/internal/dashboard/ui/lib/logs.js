// The lines of ctx.log.
import { t } from "./host.js";
import { dateLine } from "./parts.js";

const levels = { debug: "", info: "info", warn: "warning", error: "danger" };

export function logLines(logs) {
    return t.div({ className: "wf-logs" }, logs.map((l) =>
        t.div(
            { className: "wf-log" },
            dateLine(l.time, true),
            t.span({ className: `label sm ${levels[l.level] || ""}` }, l.level),
            t.span({ className: "wf-break" }, l.message),
            l.data != null ? t.code({ className: "wf-break" }, JSON.stringify(l.data)) : null,
        )
    ));
}
