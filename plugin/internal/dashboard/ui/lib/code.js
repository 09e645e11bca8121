// Source code with highlighting and line numbers, built of text nodes only: what
// is in a source never becomes markup.
import { t, tokens } from "./host.js";
import { sideBySide } from "./diff.js";

/** The lines of a source, each a list of nodes. */
function highlighted(source, language = "js") {
    const lines = [[]];
    const put = (text, classes) => {
        text.split("\n").forEach((part, i) => {
            if (i > 0) {
                lines.push([]);
            }
            if (part) {
                lines[lines.length - 1].push(classes ? t.span({ className: "token " + classes }, part) : document.createTextNode(part));
            }
        });
    };
    const walk = (token, classes) => {
        if (typeof token == "string") {
            put(token, classes);
        } else if (Array.isArray(token)) {
            token.forEach((part) => walk(part, classes));
        } else {
            walk(token.content, [classes, token.type, ...[].concat(token.alias || [])].filter(Boolean).join(" "));
        }
    };
    walk(tokens(source, language), "");
    return lines;
}

/** mark is the number of a line that is shown as the one meant, or 0. */
export function codeView(source, mark = 0) {
    const lines = highlighted(source);
    return t.div(
        { className: "wf-code", tabIndex: 0, role: "region", ariaLabel: "Source code" },
        t.div({ className: "wf-code-inner" }, lines.map((nodes, i) =>
            t.div(
                {
                    className: `wf-line ${i + 1 == mark ? "marked" : ""}`,
                    onmount: i + 1 == mark ? (el) => setTimeout(() => el.scrollIntoView({ block: "center" }), 0) : undefined,
                },
                t.span({ className: "wf-line-number", ariaHidden: true }, String(i + 1)),
                t.code(null, nodes.length ? nodes : "\u200b"),
            )
        )),
    );
}

/** Two sources beside each other, the unchanged parts folded. */
export function diffView(before, after) {
    const rows = sideBySide(before, after);
    const [left, right] = [highlighted(before), highlighted(after)];
    if (rows.every((r) => r.same)) {
        return t.p({ className: "txt-hint" }, "Both are the same.");
    }
    const near = (i) => rows.slice(Math.max(0, i - 3), i + 4).some((r) => !r.same);
    const cell = (side, lines, kind) => [
        t.span({ className: "wf-line-number " + kind, ariaHidden: true }, side ? String(side.number) : ""),
        t.code({ className: kind }, side ? (lines[side.number - 1].length ? lines[side.number - 1] : "\u200b") : ""),
    ];
    const line = (r) =>
        t.div(
            { className: "wf-diff-row" },
            cell(r.left, left, r.same ? "" : r.left ? "gone" : "none"),
            cell(r.right, right, r.same ? "" : r.right ? "come" : "none"),
        );
    const out = [];
    for (let i = 0; i < rows.length; i++) {
        if (near(i)) {
            out.push(line(rows[i]));
            continue;
        }
        let end = i;
        while (end < rows.length && !near(end)) {
            end++;
        }
        const hidden = rows.slice(i, end);
        out.push(t.button({
            type: "button",
            className: "wf-diff-fold",
            onclick: (e) => e.currentTarget.replaceWith(...hidden.map(line)),
        }, `${hidden.length} unchanged ${hidden.length == 1 ? "line" : "lines"}`));
        i = end - 1;
    }
    return t.div({ className: "wf-code wf-diff", tabIndex: 0, role: "region", ariaLabel: "Differences" }, t.div({ className: "wf-code-inner" }, out));
}
