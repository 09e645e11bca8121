// The small chart of a workflow's last 24 hours: a bar an hour, by status.
import { svg } from "./parts.js";
import { t, tooltip } from "./host.js";
import { plural } from "./format.js";

// From the bottom up; the classes are those of the style sheet.
const layers = [
    ["completed", ["completed"]],
    ["active", ["queued", "running", "waiting"]],
    ["rest", ["canceled", "rejected"]],
    ["bad", ["failed", "error", "aborted"]],
];

const WIDTH = 96;
const HEIGHT = 24;

export function bars(activity) {
    const hours = activity?.hours || [];
    const sums = hours.map((h) => Object.values(h).reduce((a, b) => a + b, 0));
    const most = Math.max(...sums, 1);
    const step = WIDTH / Math.max(hours.length, 1);
    const text = summary(activity);
    return t.div(
        { className: "wf-bars", role: "img", ariaLabel: text, ariaDescription: tooltip(text) },
        svg(
            "svg",
            { width: WIDTH, height: HEIGHT, "aria-hidden": "true" },
            svg("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }),
            hours.map((h, i) => {
                let y = HEIGHT;
                return layers.map(([name, of]) => {
                    const n = of.reduce((sum, s) => sum + (h[s] || 0), 0);
                    if (!n) {
                        return null;
                    }
                    const height = Math.max((n / most) * (HEIGHT - 1), 1.5);
                    y -= height;
                    return svg("rect", { class: name, x: i * step, y: Math.max(y, 0), width: step - 1, height });
                });
            }).flat(),
        ),
        t.span({ className: "txt-hint txt-sm" }, String(activity?.total || 0)),
    );
}

function summary(activity) {
    if (!activity?.total) {
        return "No executions in the last 24 hours";
    }
    const sums = {};
    for (const hour of activity.hours) {
        for (const [status, n] of Object.entries(hour)) {
            sums[status] = (sums[status] || 0) + n;
        }
    }
    return plural(activity.total, "execution") + " in the last 24 hours\n" + Object.entries(sums).map(([s, n]) => `${s}: ${n}`).join("\n");
}
