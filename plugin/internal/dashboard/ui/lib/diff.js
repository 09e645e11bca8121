// The lines of two texts side by side. No DOM here.

/**
 * Rows of {left, right}, each {number, text} or null, and whether they are the
 * same. Changed lines that follow one another stand beside each other.
 */
export function sideBySide(before, after) {
    const a = before.split("\n");
    const b = after.split("\n");
    let head = 0;
    while (head < a.length && head < b.length && a[head] == b[head]) {
        head++;
    }
    let tail = 0;
    while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] == b[b.length - 1 - tail]) {
        tail++;
    }
    const rows = [];
    const same = (i, j) => rows.push({ same: true, left: { number: i + 1, text: a[i] }, right: { number: j + 1, text: b[j] } });
    for (let i = 0; i < head; i++) {
        same(i, i);
    }
    let gone = [];
    let come = [];
    const flush = () => {
        for (let k = 0; k < Math.max(gone.length, come.length); k++) {
            rows.push({
                same: false,
                left: k < gone.length ? { number: gone[k] + 1, text: a[gone[k]] } : null,
                right: k < come.length ? { number: come[k] + 1, text: b[come[k]] } : null,
            });
        }
        gone = [];
        come = [];
    };
    for (const [i, j] of steps(a, b, head, a.length - tail, b.length - tail)) {
        if (i != null && j != null) {
            flush();
            same(i, j);
        } else if (i != null) {
            gone.push(i);
        } else {
            come.push(j);
        }
    }
    flush();
    for (let k = tail; k > 0; k--) {
        same(a.length - k, b.length - k);
    }
    return rows;
}

// The longest common subsequence of what differs; beyond a size that a browser
// does at once, all of it counts as changed.
function steps(a, b, head, endA, endB) {
    const n = endA - head;
    const m = endB - head;
    const out = [];
    if (n * m > 9e6) {
        for (let i = head; i < endA; i++) {
            out.push([i, null]);
        }
        for (let j = head; j < endB; j++) {
            out.push([null, j]);
        }
        return out;
    }
    const width = m + 1;
    const best = new Uint32Array((n + 1) * width);
    for (let i = n - 1; i >= 0; i--) {
        for (let j = m - 1; j >= 0; j--) {
            best[i * width + j] = a[head + i] == b[head + j] ? best[(i + 1) * width + j + 1] + 1 : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
        }
    }
    let [i, j] = [0, 0];
    while (i < n || j < m) {
        if (i < n && j < m && a[head + i] == b[head + j]) {
            out.push([head + i++, head + j++]);
        } else if (i < n && (j == m || best[(i + 1) * width + j] >= best[i * width + j + 1])) {
            out.push([head + i++, null]);
        } else {
            out.push([null, head + j++]);
        }
    }
    return out;
}
