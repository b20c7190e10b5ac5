// What the page's tests do, in the words of a visitor.

globalThis.text = (selector) => document.querySelector(selector)?.textContent ?? "";
globalThis.click = (selector) => document.querySelector(selector).click();
globalThis.until = async (done, what) => {
    for (let i = 0; i < 1200; i++) {
        if (done()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`waited in vain for ${what}; the page says: ${text("#status")} ${text("#model-view").slice(0, 300)}`);
};

/** Waits until the engine in the worker has its model and can run. */
globalThis.loaded = () =>
    until(() => /kernels agree|navigator.gpu is missing|CPU/.test(text("#model-view")) && !document.querySelector("#run").disabled, "the engine");

/** Waits until nothing is being run. */
globalThis.idle = () => until(() => document.querySelector("#stop").disabled && !document.querySelector("#run").disabled, "the end of the run");

/** The tokens in the compressed column. */
globalThis.tokens = () => [...document.querySelectorAll("#texts-view .columns > div:first-child .token")].map((token) => token.textContent);

globalThis.token = (i) => document.querySelectorAll("#texts-view .columns > div:first-child .token")[i];

globalThis.button = (view, label) => [...document.querySelectorAll(view + " button")].find((b) => b.textContent.startsWith(label));

/** How dark a token of the prompt is drawn: its mean share of a slot, 0 to 1. */
globalThis.shade = (span) => Number(span.style.getPropertyValue("--held"));

globalThis.select = (selector, value) => {
    const field = document.querySelector(selector);
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
};

/** Sets the field with a label, as someone who reads the page finds it. */
globalThis.setField = (label, value) => {
    for (const l of document.querySelectorAll("#method-view label")) {
        if (!l.textContent.startsWith(label)) continue;
        const field = l.control ?? l.querySelector("input, select");
        field.value = value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.dispatchEvent(new Event("change", { bubbles: true }));
        return;
    }
    throw new Error(`no field is labelled ${label}`);
};

/** Chooses a method, a length and a seed. */
globalThis.choose = async ({ method, n, seed }) => {
    [...document.querySelectorAll("#method-view button, #method-view input[type=radio], #method-view label")]
        .find((b) => b.textContent.trim() === method || b.value === method)
        .click();
    if (method === "window") setField("Budget", "0.5");
    setField("Length", String(n));
    if (seed !== undefined) setField("Seed", String(seed));
    await idle();
};

/** Resolves when the texts change. */
globalThis.begun = async () => {
    let changed = false;
    const observer = new MutationObserver(() => (changed = true));
    observer.observe(document.querySelector("#texts-view"), { childList: true, subtree: true, characterData: true });
    await until(() => changed, "the run to begin");
    observer.disconnect();
};

/** Presses Run and waits until it has begun. */
globalThis.press = async () => {
    const change = begun();
    click("#run");
    await change;
};

globalThis.start = async (options) => {
    await choose(options);
    await press();
};

globalThis.run = async (options) => {
    await start(options);
    await idle();
};

/** Moves the one control and lets it go. */
globalThis.slide = async (percent) => {
    select("#size", String(percent));
    await new Promise((resolve) => setTimeout(resolve, 400));
    await idle();
};

/** Drops a file on the page. */
globalThis.drop = async (name) => {
    const file = new File([await (await fetch(name)).blob()], name);
    const data = new DataTransfer();
    data.items.add(file);
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
};

/** The row of a model in the drawer, its button, how many bytes it has, and what went wrong with it. */
globalThis.row = (name) => document.querySelector(`#models-view [data-model="${name}"]`);
globalThis.main = (name) => row(name).querySelector("button");
globalThis.progress = (name) => row(name).querySelector("progress").value;
globalThis.fault = (name) => row(name).querySelector(".fault").textContent;

/** Waits until the page shows its state. */
globalThis.drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

/** Opens the drawer. */
globalThis.shelf = async () => {
    await until(() => row("small"), "the catalogue");
    await until(() => text("#models-view").includes("room for"), "the storage");
    document.querySelector(".drawer").open = true;
};

/** Waits until a model is neither fetched nor checked. */
globalThis.settled = async (name) => {
    const store = await import("/some/where/store.js");
    await until(() => store.state.shelf.models.find((m) => m.entry.name === name).doing === "", "the end of the download");
    await drawn();
};

/** What is in the browser's storage: names, sizes and sums. */
globalThis.kept = async () => {
    let all = "";
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("models");
    for await (const [name, handle] of folder.entries()) {
        const file = await handle.getFile();
        const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
        all += `${name} ${file.size} ${[...sum].map((byte) => byte.toString(16).padStart(2, "0")).join("")};`;
    }
    return all;
};

/** Deletes what is kept of the model small. */
globalThis.clear = async () => {
    const { forget } = await import("/some/where/models.js");
    if (await kept()) await forget("small");
    await until(() => main("small").textContent.startsWith("Download"), "an empty drawer");
};
