"""The exported model in transformers: python check.py ../build/models --name keyfold-3m

Compares the logits and the greedy continuation of a text of the corpus: transformers in float32 on the exported folder, and keyfold
on the folder (the same weights), on the F16 GGUF and on the Q8_0 GGUF. Fails where they differ by more than the weights' rounding.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

EVAL_FROM = 1 << 32
GREEDY = 64
# Largest allowed difference of a log probability. Seen on the default model: 3e-5, 0.01 and 0.2.
LIMITS = {"": 1e-3, "-f16.gguf": 0.05, "-q8_0.gguf": 1.0}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", type=Path)
    p.add_argument("--name", required=True)
    p.add_argument("--keyfold", default="../build/keyfold")
    p.add_argument("--tokens", type=int, default=300)
    args = p.parse_args()
    keyfold = lambda *a: subprocess.run([args.keyfold, *map(str, a)], check=True, capture_output=True, text=True).stdout  # noqa: E731

    folder = args.models / args.name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    text = keyfold("corpus", "-seed", EVAL_FROM, "-docs", 1, "-task", "facts", "-tokens", args.tokens)
    text = text[: text.index("Answer:") + len("Answer:")]
    ids = tokenizer(text)["input_ids"]
    ours = [int(i) for i in keyfold("tokens", "-model", folder, "-bos", text).split(",")]
    if ids != ours:
        sys.exit(f"the token ids differ: {ids} here, {ours} in keyfold")
    with torch.no_grad():
        want = torch.log_softmax(model(torch.tensor([ids])).logits[0], -1).numpy()
        greedy = model.generate(torch.tensor([ids]), max_new_tokens=GREEDY, do_sample=False)[0].tolist()[len(ids) :]
    print(f"transformers, {len(ids)} tokens, continues {tokenizer.decode(greedy)!r}")

    failed = False
    for ending, limit in LIMITS.items():
        path = args.models / (args.name + ending)
        with tempfile.TemporaryDirectory() as tmp:
            keyfold("logits", "-device", "cpu", "-kv", "f32", "-model", path, "-tokens", ",".join(map(str, ids)), "-o", f"{tmp}/logits")
            got = torch.log_softmax(torch.from_numpy(np.fromfile(f"{tmp}/logits", np.float32).reshape(want.shape)), -1).numpy()
        said = keyfold("run", "-device", "cpu", "-kv", "f32", "-model", path, "-temperature", 0, "-n", GREEDY, "--", text)[len(text) :]
        theirs = tokenizer.decode(ids + greedy, skip_special_tokens=True)[len(text) :]
        same = said.rstrip("\n") == theirs.rstrip("\n")
        worst = float(np.abs(got - want)[want > np.log(1e-4)].max())
        top = float((got.argmax(-1) == want.argmax(-1)).mean())
        print(f"{path.name:28} log probabilities above 1e-4 within {worst:.2g}, same first choice {top:.1%}, same greedy text: {same}")
        failed |= worst > limit or (ending != "-q8_0.gguf" and not same)
    sys.exit(failed)


if __name__ == "__main__":
    main()
