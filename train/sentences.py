"""Which facts a model in training gets wrong: python sentences.py ../build/train/3m-1 --kinds drawer,captain

For facts of some kinds, on documents of 512 tokens that are never trained on: how many answers are exact where the value stands
before its subject ("Somebody put a coat into drawer 28") and where it stands behind it ("Drawer 28 holds a coat").
"""

import argparse
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

import data
import tokenizer
from model import Config, Llama

LENGTH = 512
UNSEEN = (255 << 24) + (1 << 20)  # far behind the documents that end lessons


def order(context, question, value):
    """ "before" or "behind": where the value stands in the sentence that shares the most words with the question; None if in none."""
    asked = set(re.findall(r"\d+|\w{4,}", question.lower()))
    sentences = [s.lower() for s in re.split(r"(?<=[.!?])\s+", context) if re.search(rf"\b{re.escape(value)}\b", s, re.IGNORECASE)]
    shared = [[w for w in re.finditer(r"\d+|\w{4,}", s) if w[0] in asked and w[0] != value] for s in sentences]
    if not any(shared):
        return None
    best = max(range(len(sentences)), key=lambda i: len(shared[i]))
    return "before" if re.search(rf"\b{re.escape(value)}\b", sentences[best]).start() < shared[best][-1].start() else "behind"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, help="folder of train.py")
    p.add_argument("--kinds", required=True, help="of facts, by commas")
    p.add_argument("--documents", type=int, default=60, help="of each kind")
    p.add_argument("--keyfold", default="../build/keyfold")
    args = p.parse_args()
    model = Llama(Config(**json.loads((args.run / "state.json").read_text())["config"]))
    model.load_state_dict(load_file(args.run / "weights.safetensors"))
    words = tokenizer.load(args.run / "vocab")
    for kind in args.kinds.split(","):
        source = data.Corpus(args.keyfold, args.run / "vocab.gguf", args.run / "shards", UNSEEN)
        documents = []
        while len(documents) < args.documents:
            new = source.documents(LENGTH, 500, ["-task", "fact"])
            documents += [d for d in new if d[2]["asks"] and d[2]["asks"][0]["kind"] == kind]
        right, asked = Counter(), Counter()
        for ids, asks, described in documents[: args.documents]:
            with torch.no_grad():
                likeliest = model(torch.from_numpy(ids[None, :-1])).argmax(-1)[0].numpy()
            context = words.decode(ids[ids > data.EOS].tolist()).split("Question:")[0]
            for k in range(1, len(described["asks"]) + 1):
                at = np.flatnonzero(asks == k)
                if not len(at):
                    continue
                question = words.decode(ids[max(1, at[0] - 40) : at[0]].tolist()).rsplit("Question:", 1)[-1]
                value = re.sub(r"^(an?|the|to|in|at|on|by) ", "", words.decode(ids[at].tolist()).strip()).lower()
                where = order(context, question, value)
                asked[where] += 1
                right[where] += (likeliest[at - 1] == ids[at]).all()
        for where in ("before", "behind"):
            if asked[where]:
                print(f"{kind}: value {where} its subject: {right[where]} of {asked[where]} right, {right[where] / asked[where]:.0%}")


if __name__ == "__main__":
    main()
