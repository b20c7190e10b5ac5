// dom.js: making elements. Text from models, files and links goes through
// textContent only; there is no way to pass HTML or an inline style here.

/** @typedef {Object<string, any>} Props  attributes; onX: listeners; class, text and data-* as usual */

/**
 * Makes an element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props]
 * @param {...(Node | string)} children  strings become text
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
        if (value === undefined || value === null || value === false) continue;
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (name === "text") element.textContent = value;
        else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") {
            /** @type {any} */ (element)[name] = value;
        } else element.setAttribute(name, value === true ? "" : String(value));
    }
    element.append(...children);
    return element;
}

/**
 * The element with this id, which must exist.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
    const element = document.getElementById(id);
    if (!element) throw new Error(`the page has no #${id}`);
    return /** @type {T} */ (element);
}

/**
 * Returns a function that tells whether its arguments differ from those of the
 * last call. Views use it to leave the DOM alone when nothing of theirs changed.
 * @returns {(...inputs: any[]) => boolean}
 */
export function watch() {
    /** @type {any[] | null} */
    let last = null;
    return (...inputs) => {
        const same =
            last !== null &&
            last.length === inputs.length &&
            inputs.every((v, i) => Object.is(v, /** @type {any[]} */ (last)[i]));
        last = inputs;
        return !same;
    };
}

/**
 * A disclosure that says how a number comes about.
 * @param {string} summary
 * @param {...string} paragraphs
 */
export function explain(summary, ...paragraphs) {
    return h(
        "details",
        { class: "how" },
        h("summary", { text: summary }),
        ...paragraphs.map((text) => h("p", { text })),
    );
}

/** Whether the reader asked for little movement. */
export function reducedMotion() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/**
 * The value of a CSS custom property on the root element.
 * @param {string} name
 */
export function cssVariable(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * Moves focus inside a row of elements with the arrow keys, Home and End: one
 * tab stop for the whole row.
 * @param {HTMLElement} container
 * @param {string} selector
 */
export function roving(container, selector) {
    container.addEventListener("keydown", (event) => {
        const items = /** @type {HTMLElement[]} */ ([...container.querySelectorAll(selector)]);
        const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
        if (at < 0) return;
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        let to = at;
        if (step) to = at + step;
        else if (event.key === "Home") to = 0;
        else if (event.key === "End") to = items.length - 1;
        else return;
        event.preventDefault();
        items[Math.max(0, Math.min(items.length - 1, to))].focus();
    });
    container.addEventListener("focusin", (event) => {
        for (const item of container.querySelectorAll(`${selector}[tabindex="0"]`)) item.setAttribute("tabindex", "-1");
        if (/** @type {HTMLElement} */ (event.target).matches(selector)) {
            /** @type {HTMLElement} */ (event.target).setAttribute("tabindex", "0");
        }
    });
}
