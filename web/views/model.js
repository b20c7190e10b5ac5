// model.js: which model, on what, and whether its kernels can be trusted.

import { explain, h, watch } from "../dom.js";
import { bytes, count, plain, sentence } from "../format.js";

/**
 * @param {HTMLElement} root
 * @param {import("../actions.js").Actions} actions
 */
export function createModel(root, actions) {
    const name = h("p", { class: "model-name", dir: "auto" });
    const facts = h("p", { class: "facts" });
    const bar = h("progress", { "aria-label": "Loading", max: "1" });
    const progressText = h("span", { class: "quiet" });
    const progress = h("p", { class: "progress" }, bar, progressText);
    const device = h("p", { class: "facts" });
    const checksSummary = h("summary");
    const checksList = h("ul", { class: "checks" });
    const compare = h("button", {
        type: "button",
        class: "small",
        onclick: () => actions.compare(),
        text: "Compare with the CPU on a text",
    });
    const matched = h("span", { class: "quiet small", role: "status" });
    const match = h("p", { class: "row" }, compare, matched);
    const checks = h("details", { class: "checks-box" }, checksSummary, checksList, match);
    const input = h("input", {
        type: "file",
        id: "file",
        accept: ".gguf",
        class: "visually-hidden",
        "data-control": "model",
        "aria-describedby": "fault-model",
        onchange: () => {
            if (input.files?.length) actions.openFiles(input.files);
            input.value = ""; // the same file may be chosen again
        },
    });
    const builtIn = h("button", {
        type: "button",
        class: "quiet-button",
        onclick: () => actions.builtIn(),
        text: "Use the built-in model",
    });
    const select = h(
        "select",
        { id: "device", "data-control": "device", onchange: () => actions.setDevice(select.value) },
        h("option", { value: "auto", text: "auto: whichever is faster" }),
        h("option", { value: "gpu", text: "gpu: WebGPU" }),
        h("option", { value: "cpu", text: "cpu: WebAssembly" }),
    );
    root.append(
        h(
            "div",
            { class: "columns" },
            h("div", {}, name, facts, progress, device, checks),
            h(
                "div",
                {},
                h(
                    "div",
                    { class: "drop" },
                    input,
                    h("label", { for: "file", class: "button", text: "Open a .gguf file" }),
                    h("span", {
                        class: "quiet",
                        text: " or drop one anywhere on this page. It is read here; nothing leaves this machine.",
                    }),
                ),
                h("p", { id: "fault-model", class: "fault", role: "alert", "data-fault": "model" }),
                h("p", { class: "row" }, h("label", { for: "device", text: "Device" }), select, builtIn),
                h("p", { class: "fault", role: "alert", "data-fault": "device" }),
                explain(
                    "Which files, and what the self-test is",
                    "GGUF files of Llama, Mistral, Qwen2 and Qwen3 models with F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL or IQ4_XS tensors. Weights go to the device piece by piece. What a model needs and keyfold does not have is refused by name.",
                    "At the start every compute shader runs on small data on your own adapter, and its result is compared with the same function in plain Go, its twin. Where one disagrees the CPU takes over. With auto, small models race a few tokens on both devices.",
                ),
            ),
        ),
    );

    const changed = watch();
    return (/** @type {import("../store.js").State} */ s) => {
        if (!changed(s.loaded, s.lost, s.loading, s.fileName, s.form.device, s.matched, s.busy)) return;
        const l = s.loaded;
        name.textContent = l ? plain(s.fileName || l.model.name) : "No engine yet";
        facts.textContent = l
            ? `${count(l.model.layers, "layer")}, ${l.model.heads} query heads over ${count(l.model.kv_heads, "KV head")}, ` +
              `head_dim ${l.model.head_dim}, vocabulary ${l.model.vocab.toLocaleString("en")}, context ${l.context.toLocaleString("en")} tokens${l.tokenizer ? `, tokenizer ${l.tokenizer}` : ""}`
            : "The recording below needs none.";
        progress.hidden = !s.loading;
        if (s.loading) {
            const { text, done, total } = s.loading;
            if (total > 0) {
                bar.max = total;
                bar.value = done;
            } else bar.removeAttribute("value");
            progressText.textContent = `${text}${done > 0 ? `: ${bytes(done)}${total > 0 ? ` of ${bytes(total)}` : ""}` : " …"}`;
        }
        device.textContent = l ? where(l, s.lost) : "";
        const faulty = l?.checks.filter((c) => c.fault) ?? [];
        checks.hidden = !l || l.checks.length === 0;
        if (l) {
            checksSummary.textContent = `${l.checks.length - faulty.length} of ${l.checks.length} kernels agree with their twins`;
            checks.classList.toggle("bad", faulty.length > 0);
            checksList.replaceChildren(
                ...l.checks.map((c) =>
                    h(
                        "li",
                        { class: c.fault ? "bad" : "" },
                        h("code", { text: c.kernel }),
                        c.fault ? ` ${c.fault}` : "",
                    ),
                ),
            );
        }
        match.hidden = l?.device.kind !== "gpu";
        compare.disabled = s.busy === "match";
        matched.textContent = s.matched && s.matched.loaded === l ? s.matched.text : "";
        builtIn.hidden = !l || s.fileName === "";
        if (document.activeElement !== select) select.value = s.form.device;
    };
}

/** A laptop may have two GPUs, and a browser takes the one that needs less power. */
const besides =
    " This is a GPU inside a processor: where there is another, the system's graphics settings give it to the browser.";

/** Intel's GPUs are, but for Arc. @param {import("../protocol.js").DeviceReport} device */
const integrated = ({ kind, adapter }) => kind === "gpu" && /\bintel\b/i.test(adapter) && !/hpg|12-?hp|\barc\b/i.test(adapter);

/**
 * The device in use, and why this one.
 * @param {import("../protocol.js").Loaded} l
 * @param {boolean} lost
 */
function where({ device, note }, lost) {
    const name = (device.kind === "gpu" ? "the GPU" : "the CPU") + (device.adapter && ` (${plain(device.adapter)})`);
    if (lost) return `It ran on ${name}, which was lost: the next run opens the model again.`;
    const why = sentence(plain(note.startsWith("took") ? `auto ${note}` : note));
    if (why.startsWith("Goes on")) return `${why} Choose gpu to open the model on it again.`;
    return (why.startsWith("Runs on") ? why : `Runs on ${name}. ${why}`) + (integrated(device) ? besides : "");
}
