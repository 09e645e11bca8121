// How executions are looked for, so that the first ones are there at once also
// among a million.
import { pb } from "./host.js";
import { EXECUTIONS } from "./api.js";

export const PAGE = 40;

const FIELDS = "id,workflow,version,status,reason,mode,trigger,error,user,userCollection,roleName,parent,rerunOf,attempt,wakeAt,startedAt,finishedAt,created";

const hour = 3600000;

// How far back is looked at a time for what no index knows.
const windows = [hour, 24 * hour, 7 * 24 * hour, Infinity];

/** The smallest id of an execution made at a time: ids begin with it. */
export const idAt = (ms) => Math.max(Math.floor(ms), 0).toString(36).padStart(9, "0");

/** The filter of PocketBase for what was asked. */
export function build(asked) {
    const parts = [];
    const add = (expression, params) => parts.push(pb.filter(expression, params));
    if (asked.status == "active") {
        parts.push("(status = 'queued' || status = 'running' || status = 'waiting')");
    } else if (asked.status == "unwell") {
        parts.push("(status = 'failed' || status = 'error' || status = 'aborted')");
    } else if (asked.status) {
        add("status = {:status}", asked);
    }
    if (asked.workflow) {
        add("workflow = {:workflow}", asked);
    }
    if (asked.user) {
        add("user = {:user}", asked);
    }
    if (asked.record) {
        add("trigger.record = {:record}", asked);
    }
    if (asked.from) {
        add("id >= {:id}", { id: idAt(new Date(asked.from).getTime()) });
    }
    if (asked.to) {
        add("id < {:id}", { id: idAt(new Date(asked.to).getTime() + 1) });
    }
    const search = (asked.search || "").trim();
    if (search) {
        parts.push(/[=~<>]/.test(search) ? `(${search})` : pb.filter("(error ~ {:s} || reason = {:s} || id = {:s})", { s: search.replace(/^["']|["']$/g, "") }));
    }
    return parts.join(" && ");
}

// Which order an index gives for nothing; none when every row has to be looked at.
function order(asked) {
    if (asked.record || asked.search) {
        return "";
    }
    if (asked.user || (asked.workflow && (!asked.status || asked.status == "completed"))) {
        return "created";
    }
    return "id";
}

/**
 * Looks for the executions before a row (null: from the newest). found is called
 * with those of every part of the past that was looked at, and the time up to
 * which it was, or null at the end of a page.
 */
export async function find(asked, before, requestKey, found) {
    const filter = build(asked);
    const by = order(asked);
    const get = (parts, sort, limit) =>
        pb.collection(EXECUTIONS).getList(1, limit, { filter: parts.filter(Boolean).join(" && "), sort, skipTotal: true, fields: FIELDS, requestKey });
    if (by == "created") {
        const cursor = before && pb.filter("created <= {:created} && (created < {:created} || id < {:id})", { created: before.created, id: before.id });
        const { items } = await get([filter, cursor], "-created,-id", PAGE);
        return found(items, null, items.length == PAGE);
    }
    let cursor = before && pb.filter("id < {:id}", before);
    if (by == "id") {
        const { items } = await get([filter, cursor], "-id", PAGE);
        return found(items, null, items.length == PAGE);
    }
    const start = before ? parseInt(before.id.slice(0, 9), 36) : Date.now();
    let wanted = PAGE;
    for (const age of windows) {
        const since = age == Infinity ? 0 : start - age;
        const { items } = await get([filter, cursor, pb.filter("id >= {:id}", { id: idAt(since) })], "-id", wanted);
        wanted -= items.length;
        const full = wanted <= 0;
        const done = full || since == 0;
        found(items, done ? null : since, full);
        if (done) {
            return;
        }
        cursor = pb.filter("id < {:id}", { id: idAt(since) });
    }
}

/** Those of some executions that match. */
export async function matching(asked, ids, requestKey) {
    const some = "(" + ids.map((id) => pb.filter("id = {:id}", { id })).join(" || ") + ")";
    const { items } = await pb.collection(EXECUTIONS).getList(1, ids.length, {
        filter: [build(asked), some].filter(Boolean).join(" && "),
        skipTotal: true,
        fields: FIELDS,
        requestKey,
    });
    return items;
}
