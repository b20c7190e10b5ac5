"""Prints, for each type of tensors in a GGUF file, the SHA-256 of their values as gguf-py dequantises them.

    pip install gguf==0.19.0 && python tensors.py FILE.gguf

Values are float32, little-endian, tensors in the order of the file.
"""

import hashlib
import sys

import gguf

sums = {}
for tensor in gguf.GGUFReader(sys.argv[1]).tensors:
    values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("<f4")
    sums.setdefault(tensor.tensor_type.name, [hashlib.sha256(), 0])
    sums[tensor.tensor_type.name][0].update(values.tobytes())
    sums[tensor.tensor_type.name][1] += 1
for name, (digest, n) in sorted(sums.items()):
    print(f'"{name}": {{"{digest.hexdigest()}", {n}}},')
