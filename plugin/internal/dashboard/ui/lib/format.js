// Values as people read them. No DOM here.

export const statuses = {
    queued: { class: "", icon: "ri-time-line" },
    running: { class: "info", icon: "ri-loader-4-line" },
    waiting: { class: "warning", icon: "ri-pause-circle-line" },
    completed: { class: "success", icon: "ri-check-line" },
    failed: { class: "danger", icon: "ri-close-line" },
    error: { class: "danger", icon: "ri-bug-line" },
    aborted: { class: "danger", icon: "ri-timer-line" },
    canceled: { class: "", icon: "ri-forbid-line" },
    rejected: { class: "warning", icon: "ri-thumb-down-line" },
};

export const isFinal = (status) => !["queued", "running", "waiting"].includes(status);

/** A date of PocketBase or of Go as milliseconds since 1970, or NaN. */
export function toTime(date) {
    return date ? new Date(String(date).replace(" ", "T")).getTime() : NaN;
}

/** Milliseconds in two units at most: "85 ms", "1.2 s", "3 m 5 s", "2 d 4 h". */
export function duration(ms) {
    if (!Number.isFinite(ms)) {
        return "";
    }
    ms = Math.max(ms, 0);
    if (ms < 1000) {
        return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
    }
    if (ms < 60000) {
        return `${Math.round(ms / 100) / 10} s`;
    }
    const units = [["d", 86400000], ["h", 3600000], ["m", 60000], ["s", 1000]];
    const parts = [];
    for (const [unit, size] of units) {
        const n = Math.floor(ms / size);
        ms -= n * size;
        if (n || parts.length) {
            parts.push(`${n} ${unit}`);
        }
        if (parts.length == 2) {
            break;
        }
    }
    return parts.filter((p, i) => i == 0 || !p.startsWith("0 ")).join(" ");
}

/** Durations are stored as nanoseconds. */
export const fromNanoseconds = (ns) => duration(ns / 1e6);

export function percent(part) {
    if (part == null) {
        return "";
    }
    const value = part * 100;
    return value == 0 ? "0 %" : value < 0.1 ? "< 0.1 %" : `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} %`;
}

export const plural = (n, one, many = one + "s") => `${n} ${n == 1 ? one : many}`;

const list = (words) => (words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " or " + words[words.length - 1]);

/** What starts a workflow, in words: {icon, text}. */
export function triggerWords(trigger) {
    const on = trigger || {};
    const of = on.collection ? ` of ${on.collection}` : "";
    const actions = list(on.actions || []);
    const fields = on.fields?.length ? ` when ${list(on.fields)} changes` : "";
    switch (on.type) {
        case "action":
            return on.global
                ? { icon: "ri-global-line", text: `after every ${actions || "write"}${of}${fields}` }
                : { icon: "ri-cursor-line", text: `after a named ${actions || "write"}${of}${fields}` };
        case "before":
            return on.global
                ? { icon: "ri-shield-check-line", text: `before every ${actions || "write"}${of}` }
                : { icon: "ri-shield-check-line", text: `before a named ${actions || "write"}${of}` };
        case "record":
            return { icon: "ri-database-2-line", text: `on any ${actions || list(on.events || []) || "change"}${of}${fields}` };
        case "schedule":
            return { icon: "ri-calendar-schedule-line", text: scheduleWords(on) };
        case "webhook":
            return { icon: "ri-webhook-line", text: "when its URL is called" };
        case "manual":
            return { icon: "ri-hand", text: `by hand${of ? ` for ${on.context == "records" ? "records" : "a record"}${of}` : ""}` };
        case "invoke":
            return { icon: "ri-node-tree", text: "by a step of another workflow" };
        case undefined:
            return { icon: "ri-question-line", text: "not known yet" };
        default:
            return { icon: "ri-flashlight-line", text: String(on.type) + of };
    }
}

function scheduleWords(on) {
    if (on.cron) {
        return `at ${[].concat(on.cron).join(", ")}${on.timezone ? ` (${on.timezone})` : ""}`;
    }
    if (on.interval) {
        return `every ${typeof on.interval == "number" ? fromNanoseconds(on.interval) : on.interval}`;
    }
    if (on.field) {
        return `by the date in ${on.field}${on.collection ? ` of ${on.collection}` : ""}`;
    }
    return "on a schedule";
}

/** What started an execution, in words. */
export function causeWords(cause) {
    const c = cause || {};
    switch (c.type) {
        case "action":
        case "before":
            return `${c.type == "before" ? "before a" : "a"} ${c.action || "write"}${c.path ? `, over ${c.path}` : ""}`;
        case "invoke":
            return `step "${c.step || "?"}" of another execution`;
        case "manual":
            return "code, or by hand";
        default:
            return c.type ? String(c.type) : "";
    }
}

export const pretty = (value) => JSON.stringify(value, null, 2);
