// What went wrong, with the lines of the script.
import { t } from "./host.js";
import { icon } from "./parts.js";

/** link(file, line) is where a line of the source is shown. */
export function problem(error, link) {
    if (!error?.message && !error?.name) {
        return null;
    }
    const frames = String(error.stack || "").split("\n").filter(Boolean);
    return t.div(
        { className: "alert danger wf-failure", role: "alert" },
        t.div(
            { className: "content" },
            t.div(
                null,
                t.strong(null, error.name && error.name != "Error" ? error.name + ": " : ""),
                t.span({ className: "wf-break" }, error.message),
                error.step ? t.span({ className: "txt-hint" }, ` (step "${error.step}")`) : null,
            ),
            frames.length ? t.ul({ className: "wf-frames txt-code txt-sm" }, frames.map((line) => t.li(null, frame(line, link)))) : null,
        ),
    );
}

function frame(line, link) {
    const m = /^(.*?)([^\s()]+\.js):(\d+)(?::(\d+))?(.*)$/.exec(line);
    if (!m) {
        return line;
    }
    return [m[1], t.a({ href: link(m[2], m[3]), className: "link-primary" }, `${m[2]}:${m[3]}`, icon("ri-arrow-right-up-line")), m[5]];
}
