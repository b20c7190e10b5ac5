// compress.mjs: writes FILE.br and FILE.gz beside every text and wasm file of a
// folder, as small as they get, for servers that send them in the place of FILE.
//
//     node tools/compress.mjs FOLDER CACHE
//
// Brotli takes 15 s for the engine, so what was compressed once is kept in the
// folder CACHE, by the hash of what it came from.

import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const [folder, cache] = process.argv.slice(2);
const kinds = [".css", ".html", ".js", ".json", ".wasm"]; // quants of a model hardly compress

/** @type {Record<string, (data: Buffer) => Promise<Buffer>>} */
const codings = {
    ".br": (data) =>
        promisify(brotliCompress)(data, {
            params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length },
        }),
    ".gz": (data) => promisify(gzip)(data, { level: 9 }),
};

/** @param {string} file @param {string} extension */
async function compress(file, extension) {
    const data = await readFile(file);
    const kept = join(cache, createHash("sha256").update(data).digest("hex") + extension);
    const there = await stat(kept).then(() => true, () => false);
    if (!there) {
        await writeFile(`${kept}.part`, await codings[extension](data));
        await rename(`${kept}.part`, kept); // whole, or not there
    }
    await copyFile(kept, file + extension);
}

await mkdir(cache, { recursive: true });
const files = (await readdir(folder, { recursive: true })).filter((name) => kinds.includes(extname(name)));
await Promise.all(files.flatMap((name) => Object.keys(codings).map((extension) => compress(join(folder, name), extension))));
