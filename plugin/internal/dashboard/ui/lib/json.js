// Shows a JSON value as a tree that can be folded, with a button that copies it.
import { copyButton, t } from "./host.js";
import { icon } from "./parts.js";
import { plural, pretty } from "./format.js";

const FEW = 100; // entries that are shown before the rest is asked for
const LONG = 300; // characters of a text that are shown at first

/** title is the heading; value anything that came from JSON. */
export function jsonView(title, value, note = "") {
    const text = () => (typeof value == "string" ? value : pretty(value));
    return t.section(
        { className: "wf-json", ariaLabel: title },
        t.header(
            null,
            t.span({ className: "txt-bold" }, title),
            note ? t.span({ className: "txt-hint txt-sm" }, note) : null,
            copyButton(text, icon("ri-file-copy-line"), t.span({ className: "txt-sm" }, "Copy")),
        ),
        t.div({ className: "wf-json-body", tabIndex: 0, role: "region", ariaLabel: title + " as JSON" }, node(null, value, 0)),
    );
}

function node(name, value, depth) {
    const key = name == null ? null : t.span({ className: "wf-json-key" }, `${name}: `);
    if (value === null || typeof value != "object") {
        return t.div({ className: "wf-json-leaf" }, key, leaf(value));
    }
    const entries = Array.isArray(value) ? value.map((v, i) => [i, v]) : Object.entries(value);
    const [open, close] = Array.isArray(value) ? "[]" : "{}";
    if (!entries.length) {
        return t.div({ className: "wf-json-leaf" }, key, open + close);
    }
    const size = Array.isArray(value) ? plural(entries.length, "item") : plural(entries.length, "field");
    const isOpen = depth == 0 || (depth < 3 && entries.length <= 20);
    const inner = t.div({ className: "wf-json-inner" });
    // What is folded is not built.
    const fill = () => !inner.childElementCount && more(inner, entries, 0, depth);
    if (isOpen) {
        fill();
    }
    return t.details(
        { open: isOpen, ontoggle: (e) => e.target.open && fill() },
        t.summary(null, key, t.span({ className: "wf-json-size" }, open + " " + size + " " + close)),
        inner,
    );
}

function more(inner, entries, from, depth) {
    for (const [k, v] of entries.slice(from, from + FEW)) {
        inner.append(node(k, v, depth + 1));
    }
    const next = from + FEW;
    if (next < entries.length) {
        inner.append(t.button({
            type: "button",
            className: "btn sm secondary",
            onclick: (e) => {
                e.currentTarget.remove();
                more(inner, entries, next, depth);
            },
        }, t.span({ className: "txt" }, `Show more of ${entries.length}`)));
    }
}

function leaf(value) {
    if (typeof value != "string") {
        return t.span({ className: value === null ? "wf-json-null" : typeof value == "number" ? "wf-json-number" : "wf-json-bool" }, String(value));
    }
    if (value.length <= LONG) {
        return t.span({ className: "wf-json-string" }, JSON.stringify(value));
    }
    const el = t.span({ className: "wf-json-string" }, JSON.stringify(value.slice(0, LONG)).slice(0, -1) + "…\" ");
    return t.span(
        null,
        el,
        t.button({
            type: "button",
            className: "label sm handle",
            onclick: (e) => {
                el.textContent = JSON.stringify(value);
                e.currentTarget.remove();
            },
        }, `show all ${value.length} characters`),
    );
}
