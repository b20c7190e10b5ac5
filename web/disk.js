// disk.js: the worker behind part.js. It writes one file into the browser's own storage
// (OPFS), checks it and gives it its name.
//
//     {do: "open", name, size}      -> its bytes so far; of more than the whole file has, none
//     {do: "write", bytes}          -> likewise
//     {do: "check"}                 -> the file's sha256, after {done: bytes} now and then
//     {do: "keep"}                  the file is whole
//     {do: "discard"}               it is wrong
//     {do: "close"}                 it is to be continued
//
// The answer is {value} or {failed: {name, message}}. A worker, because only a worker may
// write in place: what is written stays, also when the tab is closed in the next moment.

import "./vendor/sha256.umd.min.js";

/** What is hashed at once. */
const pieceBytes = 4 << 20;

/** @type {any} DOM's types know no file that is written in a worker */
let file;
/** @type {any} */
let access;
/** @type {FileSystemDirectoryHandle} */
let folder;
let name = "";
let at = 0;

/** @type {Object<string, (message: any) => any>} */
const answers = {
    async open(message) {
        name = message.name;
        folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("models", { create: true });
        file = await folder.getFileHandle(`${name}.part`, { create: true });
        access = await file.createSyncAccessHandle();
        at = access.getSize() > message.size ? 0 : access.getSize();
        try {
            access.truncate(message.size); // fails where there is no room
        } catch (error) {
            await answers.close({});
            throw error;
        }
        access.truncate(at);
        return at;
    },
    write({ bytes }) {
        for (let from = 0; from < bytes.length; ) {
            const written = access.write(bytes.subarray(from), { at });
            if (written === 0) throw new DOMException("nothing was written", "QuotaExceededError");
            from += written;
            at += written;
        }
        return at;
    },
    async check() {
        access.flush();
        const hash = await /** @type {any} */ (globalThis).hashwasm.createSHA256();
        const piece = new Uint8Array(pieceBytes);
        for (let done = 0; done < at; ) {
            const n = access.read(piece, { at: done });
            if (n === 0) throw new Error(`the file ends at byte ${done} of ${at}`);
            hash.update(piece.subarray(0, n));
            done += n;
            postMessage({ done });
        }
        return hash.digest("hex");
    },
    async keep() {
        access.close();
        await file.move(name);
    },
    async discard() {
        access.close();
        await folder.removeEntry(`${name}.part`);
    },
    async close() {
        access.flush();
        access.close();
        if (at === 0) await folder.removeEntry(`${name}.part`);
    },
};

addEventListener("message", async ({ data }) => {
    try {
        postMessage({ value: await answers[data.do](data) });
    } catch (error) {
        const { name, message } = /** @type {Error} */ (error);
        postMessage({ failed: { name, message } });
    }
});
