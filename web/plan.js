// plan.js: reading a plan. What became of a slot is a lookup, not arithmetic.

/** @typedef {import("./protocol.js").Plan} Plan */
/** @typedef {import("./protocol.js").PlanHead} PlanHead */

/** kept: a row of its own; pivot: its row holds others too; folded: into another's row; dropped. */
/** @typedef {"kept" | "pivot" | "folded" | "dropped"} Fate */

/**
 * @param {PlanHead} head
 * @param {number} slot
 * @returns {Fate}
 */
export function fate(head, slot) {
    const row = head.row[slot];
    if (row === undefined || row < 0) return "dropped";
    if (head.n[row] === 1) return "kept";
    return head.pivot[row] === slot ? "pivot" : "folded";
}

/**
 * @param {Plan} plan
 * @param {number} layer
 * @param {number} head
 */
export function headOf(plan, layer, head) {
    return plan.heads[layer * plan.kv_heads + head];
}

/**
 * In how many heads a slot met which fate.
 * @param {Plan} plan
 * @param {number} slot
 * @returns {Record<Fate, number>}
 */
export function fates(plan, slot) {
    const out = { kept: 0, pivot: 0, folded: 0, dropped: 0 };
    for (const head of plan.heads) out[fate(head, slot)]++;
    return out;
}

/**
 * A token's share of a slot, mean over all heads: 1 in one of its own, 1/n in
 * one that holds n tokens, 0 where it was dropped.
 * @param {Plan} plan
 * @param {number} slot
 */
export function share(plan, slot) {
    let sum = 0;
    for (const { row, n } of plan.heads) if (row[slot] >= 0) sum += 1 / n[row[slot]];
    return sum / plan.heads.length;
}

/**
 * The slots of every merging set of a head, in order.
 * @param {PlanHead} head
 * @returns {{from: number, to: number}[]}  to exclusive
 */
export function sets(head) {
    /** @type {Map<number, {from: number, to: number}>} */
    const byRow = new Map();
    head.row.forEach((row, slot) => {
        if (row < 0 || head.n[row] === 1) return;
        const set = byRow.get(row);
        if (set) set.to = slot + 1;
        else byRow.set(row, { from: slot, to: slot + 1 });
    });
    return [...byRow.values()];
}

/**
 * The prompt tokens that a span of bytes touches.
 * @param {import("./protocol.js").PromptToken[]} tokens
 * @param {import("./protocol.js").Span | null} span
 * @returns {number[]}
 */
export function slotsOf(tokens, span) {
    if (!span) return [];
    return tokens.flatMap((t, i) => (t.from < span.to && t.to > span.from ? [i] : []));
}
