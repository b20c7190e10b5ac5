// token.js: one written token: what else could have stood there, under both caches.

import { explain, h, roving, watch } from "../dom.js";
import { duration, fraction, nats, percent, quoted, visible } from "../format.js";

/**
 * The token that is looked at: held, else pointed at, else the newest.
 * @param {import("../store.js").State} s
 */
export function shownToken(s) {
    const last = (s.run?.tokens.length ?? 0) - 1;
    if (s.held >= 0 && s.held <= last) return s.held;
    return s.hovered >= 0 && s.hovered <= last ? s.hovered : last;
}

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createToken(root, actions) {
    const title = h("h4");
    const facts = h("p", { class: "facts" });
    const left = h("ol", { class: "candidates" }),
        right = h("ol", { class: "candidates" });
    const box = h(
        "div",
        { class: "token-detail" },
        title,
        facts,
        h(
            "div",
            { class: "columns" },
            h("div", {}, h("h5", { text: "Ten likeliest, compressed cache" }), left),
            h("div", {}, h("h5", { text: "Ten likeliest, full cache" }), right),
        ),
        explain(
            "How is this computed?",
            "Both caches are fed the tokens of the left text; each gives a probability to every token of the vocabulary, before temperature and other sampling rules. KL is Σ p ln(p / q) with p the full cache’s and q the compressed one’s probabilities; delta NLL is how many nats less the compressed cache expected this token.",
            "Click a token in either list to put it here: both columns go on from it.",
        ),
    );
    root.append(box);
    roving(left, ".candidate");
    roving(right, ".candidate");
    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const r = s.run;
        const index = shownToken(s);
        const token = r?.tokens[index];
        if (!changed(token, s.hovered >= 0, s.held)) return;
        box.hidden = !token;
        if (!token) return;
        title.textContent = `Token ${index + 1}: ${quoted(token.text)}${s.held >= 0 ? ", held" : s.hovered < 0 ? ", the newest" : ""}`;
        facts.textContent = `probability ${percent(Math.exp(token.logprob), 1)} \u00B7 KL ${nats(token.kl)} \u00B7 delta NLL ${nats(token.delta_nll)} \u00B7 ${token.top1 ? "same first choice" : "another first choice"} \u00B7 ${duration(token.ms)}`;
        const list = (/** @type {import("../protocol.js").Candidate[]} */ candidates) =>
            candidates.map((c, i) => {
                const share = Math.exp(c.logprob);
                const button = h(
                    "button",
                    {
                        type: "button",
                        tabindex: i === 0 ? "0" : "-1",
                        class: c.id === token.id ? "candidate taken" : "candidate",
                        "aria-label": `${quoted(c.text)}, ${percent(share, 1)}; go on with it`,
                        onclick: () => actions.branch(index, c.id),
                    },
                    h("span", { class: "candidate-text", dir: "auto", text: visible(c.text) }),
                    h("span", { class: "bar" }),
                    h("span", { class: "number", text: percent(share, 1) }),
                );
                button.style.setProperty("--share", String(fraction(share, 1)));
                return h("li", {}, button);
            });
        left.replaceChildren(...list(token.top));
        right.replaceChildren(...list(token.top_full));
    };
}
