"""The presses against keyfold on the same tokens: python check.py FOLDER --keyfold ../../build/keyfold

FOLDER has a Llama model as config.json and safetensors, which both read. The first tokens are prefilled and compressed by each,
in float32 on the CPU, and then compared: what is kept, by GVote with keyfold's draws; KVMerger's sets and pivots, and what they
became; the logits of the tokens that follow. Exit status 1 if anything differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from presses import GVotePress, KVMergerPress
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.utils import logging

VECTORS, LOGITS = 1e-4, 1e-3  # largest differences allowed
EVALUATION = 1 << 32  # seeds of the corpus from here on are in no training text
CASES = [
    ("kvmerger", KVMergerPress, {}),
    ("kvmerger", KVMergerPress, {"recent": 0.08, "top": 0.02, "values": "paper", "sigma": 5.0}),
    ("kvmerger", KVMergerPress, {"eps": 0.5, "values": "convex", "skip_layers": (0, 1)}),
    ("gvote", GVotePress, {}),
    ("gvote", GVotePress, {"p_nuc": 0.7, "include_c0": False, "n_s": 0, "samples": 3}),
]


def paired(keys):
    """Keys in keyfold's order: RoPE rotates elements 2i and 2i + 1 of a head there, i and i + head_dim/2 in transformers."""
    return keys.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)


class Plan:
    """What keyfold decided: plan.json and its arrays."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.json = json.loads((self.folder / "plan.json").read_text())

    def array(self, name):
        return torch.from_numpy(np.fromfile(self.folder / name, np.float32).reshape(self.json["shapes"][name]))

    def rows(self):
        """Which slots have a row, and the row that each slot is part of or -1: both (layer, kv_head, slot)."""
        shape = self.json["n_layers"], self.json["n_kv_heads"], len(self.json["tokens"])
        pivots, rows, row = torch.zeros(shape, dtype=torch.bool), torch.full(shape, -1), 0
        for head in self.json["heads"]:
            for described in head["rows"]:
                pivots[head["layer"], head["head"], described["pivot"]] = True
                rows[head["layer"], head["head"], described["slots"]] = row
                row += 1
        return pivots, rows


class Replayed:
    """Mixed into a press: keeps what it decides. A GVote draws what keyfold drew."""

    def keep(self, module, kept, hide=True):
        self.kept = [*getattr(self, "kept", []), kept[0]]
        super().keep(module, kept, hide)

    def draw(self, layer, mean, sd):
        torch.testing.assert_close(mean[0, 0], self.plan.array("gvote_mu.f32")[layer], atol=VECTORS, rtol=VECTORS)
        torch.testing.assert_close(sd[0, 0], self.plan.array("gvote_sd.f32")[layer], atol=VECTORS, rtol=VECTORS)
        return self.plan.array("gvote_h.f32")[layer].unsqueeze(0)


def options(settings):
    """A press's settings as flags of keyfold: True is true, (0, 1) is 0,1."""
    for key, x in settings.items():
        yield from ("-opt", f"{key}=" + str(x).lower().strip("()").replace(" ", ""))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", help="a folder with config.json and safetensors")
    p.add_argument("--keyfold", default="../../build/keyfold")
    p.add_argument("--prefill", type=int, default=300, help="tokens to read and compress")
    p.add_argument("--follow", type=int, default=40, help="tokens behind them")
    args = p.parse_args()
    keyfold = lambda *a: subprocess.run([args.keyfold, *map(str, a)], check=True, capture_output=True, text=True).stdout  # noqa: E731

    logging.disable_progress_bar()
    n = args.prefill + args.follow
    text = keyfold("corpus", "-seed", EVALUATION, "-docs", 1, "-tokens", 2 * n)
    ids = keyfold("tokens", "-model", args.model, "-bos", text).strip().split(",")[:n]
    if len(ids) < n:
        sys.exit(f"the text has {len(ids)} tokens, want {n}")
    tokens = torch.tensor([[int(i) for i in ids]])
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="sdpa").eval()

    failed = False
    for method, kind, settings in CASES:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            # 1. What keyfold decides, and its logits behind it.
            flags = ["-device", "cpu", "-kv", "f32", "-model", args.model, "-method", method, "-tokens", ",".join(ids), "-prefill", args.prefill]
            flags += options(settings)
            keyfold("plan", *flags, "-o", folder)
            keyfold("logits", *flags, "-o", f"{folder}/logits")
            plan = Plan(folder)
            want = torch.from_numpy(np.fromfile(f"{folder}/logits", np.float32).reshape(n, -1))[args.prefill :]

            # 2. The same with the press.
            press = type("Replayed", (Replayed, kind), {"plan": plan})(**settings)
            cache = DynamicCache()
            with press(model):
                model(tokens[:, : args.prefill], past_key_values=cache)
            layers = [(paired(layer.keys[0]), layer.values[0].clone()) for layer in cache.layers]
            positions = torch.arange(args.prefill, n)[None]
            got = model(tokens[:, args.prefill :], past_key_values=cache, position_ids=positions).logits[0]

            # 3. Side by side. Every slot of a set has the row of the set, so the sets are compared by what is at their slots.
            kept, (pivots, rows) = torch.stack(press.kept), plan.rows()
            differ, used = int((kept != pivots).sum()), rows >= 0
            worst = max(
                float((torch.stack(mine)[used] - plan.array(name)[rows[used]]).abs().max())
                for mine, name in zip(zip(*layers), ("k_out.f32", "v_out.f32"))
            )
            logits = float((got - want).abs().max())
            print(f"{method}{''.join(f', {key}={x}' for key, x in settings.items())}")
            print(f"    kept {kept.float().mean():.3f}, folded {(used & ~pivots).float().mean():.3f} of {kept.numel()} slots")
            print(f"    {differ} slots differ; keys and values within {worst:.1e}, logits within {logits:.1e}")
            failed |= differ > 0 or worst > VECTORS or logits > LOGITS
    sys.exit(failed)


if __name__ == "__main__":
    main()
