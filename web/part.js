// part.js: a file of the browser's storage that is not whole yet. Its size is how far it
// is; disk.js, in a worker, does the writing.

/**
 * @typedef {object} Part
 * @property {number} at  bytes that it has
 * @property {(bytes: Uint8Array<ArrayBuffer>) => Promise<void>} write   at its end; the bytes are gone then
 * @property {(onProgress: (done: number) => void) => Promise<string>} check  its sha256 in hex
 * @property {() => Promise<void>} keep     it is whole and gets its name
 * @property {() => Promise<void>} discard  it is removed
 * @property {() => Promise<void>} close    it stays, to be continued
 */

/**
 * Opens the part of a file, or begins one.
 * @param {string} name  of the whole file
 * @param {number} size  likewise
 * @returns {Promise<Part>}
 */
export async function openPart(name, size) {
    const worker = new Worker(new URL("disk.js", import.meta.url), { type: "module" });

    /**
     * @param {object} message
     * @param {Transferable[]} [transfer]
     * @param {(done: number) => void} [onProgress]
     * @returns {Promise<any>}
     */
    const ask = (message, transfer = [], onProgress) =>
        new Promise((resolve, reject) => {
            worker.onerror = () => reject(new Error("the script that writes files could not be loaded"));
            worker.onmessage = ({ data }) => {
                if (data.failed) reject(new DOMException(data.failed.message, data.failed.name));
                else if ("done" in data) onProgress?.(data.done);
                else resolve(data.value);
            };
            worker.postMessage(message, transfer);
        });
    /** @param {string} what */
    const end = async (what) => {
        await ask({ do: what });
        worker.terminate();
    };

    /** @type {Part} */
    const part = {
        at: await ask({ do: "open", name, size }).catch((error) => {
            worker.terminate();
            throw error;
        }),
        async write(bytes) {
            part.at = await ask({ do: "write", bytes }, [bytes.buffer]);
        },
        check: (onProgress) => ask({ do: "check" }, [], onProgress),
        keep: () => end("keep"),
        discard: () => end("discard"),
        close: () => end("close"),
    };
    return part;
}
