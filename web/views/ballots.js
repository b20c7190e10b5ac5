// ballots.js: the votes of one head, landing round by round, and the budget that
// falls out.

import { cssVariable, explain, h, reducedMotion, watch } from "../dom.js";
import { count } from "../format.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createBallots(root, actions) {
    const fetchButton = h("button", {
        type: "button",
        text: "Fetch the ballots",
        onclick: () => actions.fetchBallots(),
    });
    const play = h("button", { type: "button", text: "Play", onclick: () => toggle() });
    const next = h("button", {
        type: "button",
        text: "Next round",
        onclick: () => show(Math.min(rounds(), shown + 1)),
    });
    const canvas = h("canvas", {
        class: "ballots",
        width: "1",
        height: "1",
        role: "img",
        "aria-label": "Ballots; none fetched yet",
    });
    const about = h("p", { class: "facts", "aria-live": "polite" });
    const perHead = h("p", { class: "small quiet" });
    root.append(
        h("p", { class: "row" }, fetchButton, play, next),
        canvas,
        about,
        perHead,
        explain(
            "How is this computed?",
            "B_step is how many keys hold p_nuc of the last prompt query’s attention. The samples are hidden states drawn from a Gaussian fitted to the prompt’s own, projected to queries and rotated to the next positions. Each votes for the B_step keys with its largest logits. The last query’s own keys vote first (include_c0).",
            "Each line is a round, each mark a slot that got a vote in it, from the first slot on the left to the last on the right; the bottom line is the union so far: one vote is enough to stay. Nobody sets the size, it falls out of the votes (compress/gvote.go).",
        ),
    );
    /** @type {import("../protocol.js").Ballots | null} */
    let ballots = null;
    let slots = 1,
        shown = 0;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    let timer;
    const rounds = () => ballots?.rounds.length ?? 0;

    function stop() {
        clearInterval(timer);
        timer = undefined;
        play.textContent = "Play";
    }
    function toggle() {
        if (timer !== undefined) {
            stop();
            return;
        }
        show(shown >= rounds() ? 0 : shown);
        play.textContent = "Pause";
        timer = setInterval(() => {
            show(shown + 1);
            if (shown >= rounds()) stop();
        }, 700);
    }
    /** @param {number} n  rounds that have landed */
    function show(n) {
        shown = n;
        const context = canvas.getContext("2d");
        canvas.hidden = !ballots;
        play.disabled = next.disabled = !ballots;
        if (!ballots || !context) {
            about.textContent = "";
            return;
        }
        const line = 22,
            width = 720;
        canvas.width = width;
        canvas.height = line * (rounds() + 1) + 8;
        const step = width / slots,
            mark = Math.max(1, step - (step > 3 ? 1 : 0));
        /** @type {Set<number>} */
        const union = new Set();
        ballots.rounds.slice(0, n).forEach((votes, round) => {
            votes.forEach((slot) => {
                context.fillStyle = cssVariable(union.has(slot) ? "--faint" : "--accent"); // the first vote for a slot is what keeps it
                context.fillRect(slot * step, round * line + 3, mark, line - 6);
            });
            votes.forEach((slot) => union.add(slot));
        });
        context.fillStyle = cssVariable("--ink");
        for (const slot of union) context.fillRect(slot * step, rounds() * line + 8, mark, line - 6);
        about.textContent = `Round ${n} of ${rounds()}: ${count(union.size, "slot")} of ${slots} have a vote. B_step ${ballots.b_step.join(", ")} keys, one per query head.`;
        canvas.setAttribute("aria-label", `${about.textContent} Layer ${ballots.layer}, KV head ${ballots.head}.`);
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(shown));

    const changed = watch(),
        labelled = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        const plan = s.run?.plan;
        if (changed(s.ballots)) {
            stop();
            ballots = s.ballots;
            slots = Math.max(1, s.run?.prompt.length ?? 1);
            const atOnce = reducedMotion() || (s.run?.link.recorded ?? false);
            show(atOnce ? rounds() : 0);
            if (ballots && !atOnce) toggle();
        }
        if (labelled(s.selected, plan, s.ballots, s.methods)) {
            const voting = s.methods.filter((m) => m.votes).map((m) => m.name);
            const voted = plan !== null && plan !== undefined && voting.includes(plan.method);
            fetchButton.disabled = !voted;
            fetchButton.textContent = `Fetch the ballots of layer ${s.selected.layer}, KV head ${s.selected.head}`;
            if (!s.ballots)
                about.textContent = voted
                    ? "Not fetched yet."
                    : `This method does not vote. Choose ${voting.join(" or ")} and run, or compress again.`;
            perHead.textContent =
                voted
                    ? `The budgets that fell out, in slots per KV head, layer by layer: ${Array.from(
                          { length: plan.layers },
                          (_, l) =>
                              plan.heads
                                  .slice(l * plan.kv_heads, (l + 1) * plan.kv_heads)
                                  .map((p) => p.pivot.length)
                                  .join(" "),
                      ).join(" \u00B7 ")}; of ${plan.slots}.`
                    : "";
        }
    };
}
