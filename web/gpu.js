// gpu.js: submits what gpu/driver_js.go has recorded. A call from Go to the browser
// costs a microsecond or more and a token has some two hundred, so Go writes them
// down and one function here makes them. A classic script: it defines one function.

/**
 * What Go needs to know of a device besides WebGPU's own functions.
 * @param {any} device    a GPUDevice
 */
// @ts-ignore: it is used by driver_js.go
function recordings(device) {
    /** @type {Map<number, any>} pipelines, bind groups and buffers, by the number that Go gave them; none has 0 */
    const objects = new Map();
    return {
        objects,

        /**
         * Submits commands of six words each:
         *
         *     pipeline, bind group, offset of the uniform block, workgroups along x, y and z
         *     0, source, offset, destination, offset, bytes to copy
         * @param {Uint8Array} bytes
         */
        submit(bytes) {
            const words = new Uint32Array(bytes.buffer);
            const encoder = device.createCommandEncoder();
            let pass = null; // the compute pass that is open
            for (let i = 0; i < words.length; i += 6) {
                if (words[i] === 0) {
                    pass?.end();
                    pass = null;
                    encoder.copyBufferToBuffer(
                        objects.get(words[i + 1]), words[i + 2], objects.get(words[i + 3]), words[i + 4], words[i + 5],
                    );
                    continue;
                }
                pass ??= encoder.beginComputePass();
                pass.setPipeline(objects.get(words[i]));
                pass.setBindGroup(0, objects.get(words[i + 1]), words, i + 2, 1);
                pass.dispatchWorkgroups(words[i + 3], words[i + 4], words[i + 5]);
            }
            pass?.end();
            device.queue.submit([encoder.finish()]);
        },

        /**
         * Maps a buffer to be read. Firefox looks whether that is done ten times a second,
         * and whenever something is submitted: so nothing is, about every millisecond.
         * @param {any} buffer    a GPUBuffer
         * @param {number} bytes
         */
        async map(buffer, bytes) {
            const nudge = setInterval(() => device.queue.submit([]), 1);
            try {
                await buffer.mapAsync(1, 0, bytes); // GPUMapMode.READ
            } finally {
                clearInterval(nudge);
            }
        },
    };
}
