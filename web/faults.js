// faults.js: sentences about what was chosen, each beside its control, and the way of
// a reader to them.

import { byId, watch } from "./dom.js";

/** @typedef {import("./store.js").State} State */

/** @param {string} kind @param {string} key */
const place = (kind, key) => document.querySelector(`[data-${kind}="${CSS.escape(key)}"]`);

/** Whether a fault has a place of its own. @param {string} key */
export const hasPlace = (key) => place("fault", key) !== null;

const changed = watch();

/** Shows the faults; those without a place follow the status. @param {State} s */
export function drawFaults(s) {
    if (!changed(s.status, s.faults)) return;
    const unplaced = Object.keys(s.faults).filter((key) => !hasPlace(key));
    byId("status").textContent = [s.status, ...unplaced.map((key) => s.faults[key])].filter(Boolean).join(" ");
    for (const element of document.querySelectorAll("[data-fault]")) {
        const sentence = s.faults[element.getAttribute("data-fault") ?? ""] ?? "";
        if (element.textContent !== sentence) element.textContent = sentence;
        if (sentence) open(element);
    }
    for (const control of document.querySelectorAll("[data-control]")) {
        if (s.faults[control.getAttribute("data-control") ?? ""]) control.setAttribute("aria-invalid", "true");
        else control.removeAttribute("aria-invalid");
    }
}

/**
 * Gives the focus to the control of a fault, in a section that is open then. Where that is
 * a group, to the part of it that the sentence names. Who moves a slider keeps it.
 * @param {string} key
 * @param {string} sentence
 */
export function goTo(key, sentence) {
    const control = place("control", key);
    if (!control) return;
    const parts = /** @type {HTMLElement[]} */ ([...control.querySelectorAll("input, button:not([tabindex='-1'])")]);
    const named = parts.find((part) => part.dataset.option && sentence.includes(`option ${part.dataset.option} `));
    const target = named ?? parts[0] ?? control;
    open(target);
    if (target instanceof HTMLElement && !document.activeElement?.matches("input[type='range']")) target.focus();
}

/** Opens the closed sections that an element is in. @param {Element} element */
function open(element) {
    for (let box = element.closest("details"); box; box = box.parentElement?.closest("details") ?? null) box.open = true;
}
