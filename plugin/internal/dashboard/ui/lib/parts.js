// Small pieces that several pages show.
import { credits, t, tooltip } from "./host.js";
import { plural, statuses, toTime } from "./format.js";

export const icon = (name) => t.i({ className: name, ariaHidden: true });

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const two = (n) => String(n).padStart(2, "0");

/** A date in the viewer's zone, its exact value in the tooltip. */
export function date(value) {
    const d = new Date(toTime(value));
    if (isNaN(d)) {
        return t.span({ className: "missing-value" });
    }
    return t.div(
        {
            className: "formatted-date short",
            ariaDescription: tooltip(`${String(value).replace("T", " ")}\n${zone}`),
        },
        t.span({ className: "primary-date" }, `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`),
        t.span({ className: "secondary-date" }, `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`),
    );
}

/** The same on one line. */
export function dateLine(value, milliseconds) {
    const d = new Date(toTime(value));
    if (isNaN(d)) {
        return t.span({ className: "missing-value" });
    }
    const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}` + (milliseconds ? "." + String(d.getMilliseconds()).padStart(3, "0") : "");
    return t.span(
        { className: "wf-date", ariaDescription: tooltip(`${String(value).replace("T", " ")}\n${zone}`) },
        `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time}`,
    );
}

export function statusLabel(status, size = "") {
    return t.span(
        { className: `label wf-status ${size} ${statuses[status]?.class || ""}`, "html-data-status": status },
        icon(statuses[status]?.icon || "ri-question-line"),
        t.span({ className: "txt" }, status || "unknown"),
    );
}

/** A head cell; sort is {key, by: () => "-key", set: (by) => …} or nothing. */
export function th(iconName, label, className = "", sort = null) {
    const inner = t.div({ className: "inline-flex gap-5" }, icon(iconName), t.span({ className: "txt" }, label));
    if (!sort) {
        return t.th({ className }, inner);
    }
    const turn = () => sort.set(sort.by() == "-" + sort.key ? sort.key : "-" + sort.key);
    return t.th(
        {
            tabIndex: 0,
            className: () => `sort-handle ${className} ${sort.by() == sort.key ? "asc" : sort.by() == "-" + sort.key ? "desc" : ""}`,
            "html-aria-sort": () => (sort.by() == sort.key ? "ascending" : sort.by() == "-" + sort.key ? "descending" : "none"),
            onclick: turn,
            onkeydown: onEnter(turn),
        },
        inner,
    );
}

/** A key handler for what is not a button but acts like one. */
export const onEnter = (act) => (e) => {
    if (e.target == e.currentTarget && (e.key == "Enter" || e.key == " ")) {
        e.preventDefault();
        act(e);
    }
};

/** A row that leads somewhere, with clicks on its controls left alone. */
export const rowLink = (href) => ({
    tabIndex: 0,
    onclick: (e) => {
        if (e.target.closest("a,button,label,input,.field")) {
            return;
        }
        if (e.ctrlKey || e.metaKey) {
            window.open(href, "_blank");
        } else {
            window.location.hash = href;
        }
    },
    onkeydown: onEnter(() => (window.location.hash = href)),
});

/** The one row of a table without any. */
export const emptyRow = (...children) => t.tr(null, t.td({ colSpan: 99 }, ...children));

export const loadingRow = () => emptyRow(t.span({ className: "skeleton-loader" }));

export function nothing(title, ...children) {
    return t.div({ className: "sticky-content txt-center txt-hint wf-nothing" }, t.div({ className: "txt-bold" }, title), ...children);
}

// "3 executions, more to load": what follows the comma stays as it is.
function words(n, noun) {
    const [one, ...rest] = noun.split(",");
    return [plural(n, one), ...rest].join(",");
}

/** noun is that of one, or a function of it. */
export function footer(count, noun) {
    return t.footer(
        { className: "page-footer" },
        t.span({ className: "txt" }, () => (count() == null ? "" : words(count(), typeof noun == "function" ? noun() : noun))),
        credits(),
    );
}

/** What could not be loaded, with a way to try again. */
export function failure(message, again) {
    return t.div(
        { className: "alert danger", role: "alert" },
        t.div({ className: "content" }, message),
        again ? t.button({ type: "button", className: "btn sm outline danger m-t-10", onclick: again }, t.span({ className: "txt" }, "Try again")) : null,
    );
}

export const errorText = (err) => err?.response?.message || err?.message || String(err);

/** t creates HTML elements only; those of SVG need their namespace. */
export function svg(tag, attrs, ...children) {
    const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attrs || {})) {
        if (name.startsWith("on")) {
            el.addEventListener(name.slice(2), value);
        } else if (value != null) {
            el.setAttribute(name, value);
        }
    }
    el.append(...children.flat().filter((c) => c != null));
    return el;
}
