// The tab "Settings": what the code says, and what is stored over it.
import { t } from "./host.js";
import { fromNanoseconds, plural, triggerWords } from "./format.js";
import { icon } from "./parts.js";

const rule = (r) => (r === null ? "superusers only" : r === "" ? "anyone" : r);

const limit = (l) => [l.age ? `for ${fromNanoseconds(l.age)}` : "", l.count ? `the newest ${l.count}` : ""].filter(Boolean).join(", ") || "all, for ever";

function retention(r) {
    if (!r) {
        return null;
    }
    const own = Object.entries(r.statuses || {}).map(([status, l]) => `${status}: ${limit(l)}`);
    return [r.age || r.count ? limit(r) : "", ...own].filter(Boolean).join("; ") || "all, for ever";
}

function retries(r) {
    if (!r?.limit) {
        return null;
    }
    const parts = [plural(r.limit, "time"), `after ${fromNanoseconds(r.delay || 1e9)}`, r.backoff || "exponential"];
    if (r.maxDelay) {
        parts.push(`at most ${fromNanoseconds(r.maxDelay)} apart`);
    }
    if (r.jitter) {
        parts.push(`jitter ${Math.round(r.jitter * 100)} %`);
    }
    return parts.join(", ");
}

/** toggle(values) stores a switch. */
export function settingsTab(workflow, version, toggle) {
    const d = version?.definition;
    if (!d) {
        return t.p({ className: "txt-hint" }, "There is no version that has loaded.");
    }
    const value = (v, otherwise) => (v == null || v === "" ? t.span({ className: "txt-hint" }, otherwise) : t.span({ className: "wf-break" }, v));
    const onOff = (name, on, label) =>
        t.div(
            { className: "field" },
            t.input({ id: "wf_set_" + name, type: "checkbox", className: "switch sm", checked: on, onchange: (e) => toggle({ [name]: e.target.checked }) }),
            t.label({ htmlFor: "wf_set_" + name }, label),
        );
    const row = (iconName, label, option, code, stored = null) =>
        t.tr(
            { "html-data-option": option },
            t.td({ "html-data-name": "Setting" }, t.div({ className: "inline-flex gap-5" }, icon(iconName), t.span(null, label)), t.div(null, t.code({ className: "txt-sm" }, option))),
            t.td({ "html-data-name": "In the code" }, code),
            t.td({ "html-data-name": "Stored" }, stored || t.span({ className: "txt-hint" }, "–")),
        );
    return t.div(
        { className: "block m-b-base" },
        t.table(
            { className: "responsive-table wf-settings" },
            t.thead(null, t.tr(null, t.th(null, "Setting"), t.th(null, "In the code"), t.th(null, "Stored"))),
            t.tbody(
                null,
                row("ri-toggle-line", "Enabled", "enabled", value(d.enabled ? "on" : "off"), onOff("enabled", workflow.enabled, workflow.enabled ? "On" : "Off: nothing starts it")),
                row("ri-pause-circle-line", "Queue", "paused", value(null, "not a matter of the code"), onOff("paused", workflow.paused, workflow.paused ? "Paused: what is triggered waits" : "Not paused")),
                row("ri-flashlight-line", "Trigger", "on", value(triggerWords(d.on).text)),
                d.on?.condition ? row("ri-filter-line", "Condition", "on.condition", t.code({ className: "wf-break" }, d.on.condition)) : null,
                row("ri-lock-line", "Who may start it", "rule", d.on?.global ? value(null, "nobody is asked: it is global") : t.code({ className: "wf-break" }, rule(d.rule))),
                row("ri-speed-line", "Mode", "mode", value(d.mode)),
                row("ri-timer-line", "Time-out", "timeout", value(d.timeout ? fromNanoseconds(d.timeout) : null, d.mode == "transaction" ? "3 s" : "none")),
                row("ri-restart-line", "Retries of steps", "retries", value(retries(d.retries), "none")),
                row("ri-stack-line", "Concurrency", "concurrency", value(d.concurrency?.limit ? `${d.concurrency.limit} at a time${d.concurrency.key ? ` for each ${d.concurrency.key}` : ""}` : null, "no limit")),
                row("ri-file-copy-2-line", "One at a time for", "dedup", value(d.dedup?.key ? `${d.dedup.key} (then ${d.dedup.policy || "skip"})` : null, "not compared")),
                row("ri-sort-desc", "Priority", "priority", value(String(d.priority || 0))),
                row("ri-repeat-line", "May start itself again", "allowReentry", value(d.allowReentry ? "yes" : "no")),
                row("ri-archive-line", "Keeps executions", "retention", value(retention(d.retention), "as the app's own limits say")),
            ),
        ),
        t.p({ className: "txt-hint txt-sm m-t-sm" }, "The code is in ", t.code(null, workflow.file || d.file), d.line ? `, line ${d.line}` : "", ". Change it there: it is read again at once."),
    );
}
