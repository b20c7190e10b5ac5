// drop.js: what is dragged onto the page. A file is a model, wherever it is dropped; a
// text belongs into a field for texts, and nowhere else.

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

/** @param {DragEvent} event */
const overField = (event) =>
    event.target instanceof Element && event.target.closest("textarea, input[type='text']") !== null;

/** @param {(files: FileList) => void} openFiles */
export function acceptDrops(openFiles) {
    const frame = document.body.classList;
    addEventListener("dragover", (event) => {
        frame.toggle("dragging", hasFiles(event));
        if (!hasFiles(event) && overField(event)) return; // the browser puts the text there
        event.preventDefault(); // a link would open in the place of the page
        if (!hasFiles(event) && event.dataTransfer) event.dataTransfer.dropEffect = "none";
    });
    addEventListener("dragleave", (event) => {
        if (!event.relatedTarget) frame.remove("dragging");
    });
    addEventListener("drop", (event) => {
        frame.remove("dragging");
        if (!hasFiles(event) && overField(event)) return;
        event.preventDefault();
        if (event.dataTransfer?.files.length) openFiles(event.dataTransfer.files);
    });
}
