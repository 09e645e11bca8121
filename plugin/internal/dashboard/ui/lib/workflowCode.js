// The tab "Code": every version of a workflow, and what differs between two.
import { replaceQuery, store, t, watch } from "./host.js";
import { codeView, diffView } from "./code.js";
import { dateLine } from "./parts.js";
import { plural } from "./format.js";

const filesOf = (v) => ({ [v?.definition?.file || "workflow.js"]: v?.script || "", ...(v?.modules || {}) });

/** versions: newest first. query: version, with, file, line of the address. */
export function codeTab(workflow, versions, query) {
    if (!versions.length) {
        return t.p({ className: "txt-hint" }, workflow.error ? "No version has loaded yet: see above." : "No version is stored.");
    }
    const data = store({
        version: versions.some((v) => v.number == query.version) ? Number(query.version) : workflow.version || versions[0].number,
        other: Number(query.with) || 0,
        file: query.file || "",
    });
    const find = (number) => versions.find((v) => v.number == number);
    let watcher;
    const label = (v) => `v${v.number}${v.number == workflow.version ? " (present)" : ""}`;
    const select = (id, text, value, options, onchange) =>
        t.div({ className: "field" }, t.label({ htmlFor: id }, text), t.select({ id, onchange: (e) => onchange(e.target.value) }, () => options().map(([v, words]) => t.option({ value: String(v), selected: v == value() }, words))));

    const names = () => [...new Set([...Object.keys(filesOf(find(data.version))), ...(data.other ? Object.keys(filesOf(find(data.other))) : [])])];
    const file = () => names().find((n) => n == data.file) || names()[0];

    return t.div(
        {
            className: "block m-b-base wf-code-tab",
            onmount: () => (watcher = watch(() => replaceQuery({ version: data.version == workflow.version ? "" : data.version, with: data.other || "", file: data.file }))),
            onunmount: () => watcher?.unwatch(),
        },
        t.div(
            { className: "wf-filters" },
            select("wf_version", "Version", () => data.version, () => versions.map((v) => [v.number, label(v)]), (v) => (data.version = Number(v))),
            select("wf_other", "Compare with", () => data.other, () => [[0, "nothing"], ...versions.filter((v) => v.number != data.version).map((v) => [v.number, label(v)])], (v) => (data.other = Number(v))),
            () => (names().length > 1 ? select("wf_file", "File", () => file(), () => names().map((n) => [n, n]), (v) => (data.file = v)) : null),
            () => {
                const v = find(data.version);
                return t.div({ className: "wf-version-facts txt-hint txt-sm" }, "stored ", dateLine(v.created), t.br(), `${plural(versions.length, "version")}, hash `, t.code(null, String(v.hash).slice(0, 12)));
            },
        ),
        () => {
            const name = file();
            const now = filesOf(find(data.version))[name] ?? "";
            if (data.other && data.other != data.version) {
                const [older, newer] = [Math.min(data.version, data.other), Math.max(data.version, data.other)];
                return t.div(
                    null,
                    t.div({ className: "wf-diff-head txt-bold" }, t.span(null, label(find(older))), t.span(null, label(find(newer)))),
                    diffView(filesOf(find(older))[name] ?? "", filesOf(find(newer))[name] ?? ""),
                );
            }
            const line = query.line && Number(query.line) && (!query.file || query.file == name) ? Number(query.line) : 0;
            return codeView(now, line);
        },
    );
}
