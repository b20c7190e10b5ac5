"""Rows of tokens for training: documents of `keyfold corpus`, and the random recall that comes before them."""

import json
import subprocess
from pathlib import Path

import numpy as np

BOS, EOS = 1, 2
NEWLINE = 3 + 10  # the byte "\n", which ends every answer

# Weights of the loss. A token of an answer counts more than a token of a story: there are few of them, and what they teach is rare.
TEXT, ANSWER, COPY = 1.0, 8.0, 2.0


def recall(rng, rows, length, alphabet):
    """Rows of random tokens of an alphabet that can only be predicted by looking back.

    Half of them repeat pieces of one random string, the other half are pairs, key directly before value, each stated once and
    then once more in another order. The order of lessons is what makes a small model learn retrieval at all: see README.md.
    Returns ids (rows, length + 1) and weights of the same shape: COPY or ANSWER where looking back gives the token, else 0.
    """
    ids = np.zeros((rows, length + 1), np.int64)
    weights = np.zeros((rows, length + 1), np.float32)
    for r in range(rows):
        out, w = [BOS], [0.0]
        if rng.random() < 0.5:
            base = rng.choice(alphabet, rng.integers(8, length // 3))
            out += list(base)
            w += [0.0] * len(base)
            while len(out) <= length:
                start = rng.integers(0, len(base) - 4)
                piece = base[start : rng.integers(start + 4, len(base) + 1)]
                out += [NEWLINE, *piece]
                w += [0.0, 0.0] + [COPY] * (len(piece) - 1)
        else:
            n, values = (length - 2) // 8, rng.integers(1, 3)
            keys = rng.choice(alphabet, n, replace=False)
            pairs = [[k, *rng.choice(alphabet, values), NEWLINE] for k in keys]
            for again in (0.0, ANSWER):
                for i in rng.permutation(n):
                    out += pairs[i]
                    w += [0.0] + [again] * values + [0.0]
        out, w = out[: length + 1], w[: length + 1]
        ids[r, : len(out)], weights[r, : len(w)] = out, w
    return ids, weights


def with_newlines(asks):
    """The newline after an answer belongs to it: writing it is how the model says that the answer is whole."""
    after = np.roll(asks, 1)
    return np.where((asks == 0) & (after > 0), after, asks)


class Corpus:
    """Documents that `keyfold corpus` writes, packed into rows; never the same document twice."""

    def __init__(self, keyfold, tokenizer, folder, seed):
        self.keyfold, self.tokenizer, self.folder, self.next = keyfold, tokenizer, Path(folder), seed
        self.waiting = []

    def documents(self, length, count, arguments=()):
        """Writes count documents of at most length tokens and returns [(ids, weights, description)]."""
        folder = self.folder / str(self.next)
        subprocess.run(
            [self.keyfold, "corpus", "-seed", str(self.next), "-docs", str(count), "-tokens", str(length), "-tokenizer", str(self.tokenizer),
             "-shards", str(folder), *arguments], check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.next += count
        documents = []
        for tokens in sorted(folder.glob("*.tokens")):
            ids = np.fromfile(tokens, np.uint16).astype(np.int64)
            asks = np.fromfile(tokens.with_suffix(".weights"), np.uint8)
            described = [json.loads(line) for line in tokens.with_suffix(".docs").read_text().splitlines()]
            for d in described:
                part = slice(d["from"], d["to"])
                if d["to"] - d["from"] <= length + 1:  # -tokens is kept by the estimate of each sentence, now and then missed by a few
                    documents.append((ids[part], with_newlines(asks[part]), d))
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        return documents

    def rows(self, rows, length, arguments=()):
        """Rows of length + 1 tokens, each filled with whole documents of at most that length, and their weights."""
        ids = np.zeros((rows, length + 1), np.int64)
        weights = np.zeros((rows, length + 1), np.float32)
        for r in range(rows):
            at = 0
            while True:
                if not self.waiting:
                    self.waiting = self.documents(length, max(64, 400_000 // length), arguments)
                document, asks, _ = self.waiting[-1]
                if at + len(document) > length + 1:
                    break
                self.waiting.pop()
                ids[r, at : at + len(document)] = document
                weights[r, at : at + len(document)] = np.where(asks > 0, ANSWER, TEXT)
                weights[r, at] = 0  # nothing says that a document begins
                at += len(document)
        return ids, weights
