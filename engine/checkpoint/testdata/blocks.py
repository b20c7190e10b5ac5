"""Writes blocks.json: blocks of random bits of every type with blocks, and what gguf-py makes of them.

    pip install gguf==0.19.0 && python blocks.py > blocks.json

Halves are random too, small and of both signs, so that no weight is infinite.
"""

import base64
import json
import random

import gguf
import numpy as np

# Where the halves of a block lie, and how many there are.
TYPES = {
    "Q8_0": (0, 1), "Q4_0": (0, 1), "Q4_1": (0, 2), "Q5_0": (0, 1), "Q5_1": (0, 2), "IQ4_NL": (0, 1),
    "Q2_K": (80, 2), "Q3_K": (108, 1), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208, 1), "IQ4_XS": (0, 1),
}


def text(array):
    return base64.b64encode(array.tobytes()).decode()


rng = random.Random(1)
out = {}
for name, (at, halves) in TYPES.items():
    kind = gguf.GGMLQuantizationType[name]
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = np.array([[rng.randrange(256) for _ in range(size)] for _ in range(3)], dtype=np.uint8)
    for block in blocks:
        scales = np.array([rng.uniform(-0.1, 0.1) for _ in range(halves)], dtype="<f2")
        block[at : at + 2 * halves] = scales.view(np.uint8)
    values = gguf.quants.dequantize(blocks, kind).astype("<f4")
    out[name] = {"blocks": text(blocks), "values": text(values)}
print(json.dumps(out, indent=1))
