"""Rows of tokens for training: documents of `keyfold corpus`, and the random recall that comes before them."""

import json
import math
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np

BOS, EOS = 1, 2
NEWLINE = 3 + 10  # the byte "\n", which ends every answer

# Weights of the loss. A token of an answer counts more than a token of a story: there are few of them, and what they teach is rare.
TEXT, ANSWER, COPY = 1.0, 8.0, 2.0


def recall(rng, rows, length, alphabet, hard=False):
    """Rows of random tokens of an alphabet that can only be predicted by looking back.

    Half of them repeat pieces of one random string, the other half are pairs, key directly before value, each stated once and
    then once more in another order. If hard, every other row of pairs has keys of two tokens that several keys share, so that
    it takes both to know which is meant, and every other one states its values before their keys. The order of lessons is what
    makes a small model learn retrieval at all: see README.md.
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
            keys = [[k] for k in rng.choice(alphabet, n, replace=False)]
            if hard and rng.random() < 0.5:
                n = (length - 2) // 10
                halves = rng.choice(alphabet, (2, math.isqrt(n - 1) + 1), replace=False)
                keys = rng.permutation([[a, b] for a in halves[0] for b in halves[1]])[:n].tolist()
            said = [list(rng.choice(alphabet, values)) for _ in keys]
            backwards = hard and rng.random() < 0.5
            for i in rng.permutation(n):
                out += [*said[i], *keys[i], NEWLINE] if backwards else [*keys[i], *said[i], NEWLINE]
            w += [0.0] * (len(out) - 1)
            for i in rng.permutation(n):
                out += [*keys[i], *said[i], NEWLINE]
                w += [0.0] * len(keys[i]) + [ANSWER] * values + [0.0]
        out, w = out[: length + 1], w[: length + 1]
        ids[r, : len(out)], weights[r, : len(w)] = out, w
    return ids, weights


def all_sums(encode):
    """All sums as the word problems of the corpus write them, "11 + 5 = 16.": for each of + - * / a list of (ids, weights).

    Results are 2 to 100, and the pairs that the corpus holds out (unseen in corpus/arithmetic.go) are left out.
    """
    lists = [[], [], [], []]
    for a in range(1, 101):
        for b in range(1, 101):
            product = a * b if max(a, b) <= 50 else 0
            quotient = a // b if b <= 10 and a % b == 0 and a // b <= 10 else 0
            for op, result, lines in zip("+-*/", (a + b, a - b, product, quotient), lists):
                if 2 <= result <= 100 and (7 * a + 3 * b) % 10 != 0:
                    ids = encode(f"{a} {op} {b} = {result}.")
                    known = len(encode(f"{a} {op} {b} ="))
                    lines.append(([*ids, NEWLINE], [0.0] * known + [ANSWER] * (len(ids) - known) + [0.0]))
    return lists


def sums(rng, rows, length, lists):
    """Rows of sums, of all four kinds equally many.

    Which sum a word problem asks for can be learned from problems. What 11 + 5 is has to be known by heart, and problems alone
    say it too seldom. lists is from all_sums; returns ids and weights as recall does.
    """
    ids = np.zeros((rows, length + 1), np.int64)
    weights = np.zeros((rows, length + 1), np.float32)
    for r in range(rows):
        out, w = [BOS], [0.0]
        while len(out) <= length:
            lines = lists[rng.integers(4)]
            line, weight = lines[rng.integers(len(lines))]
            out += line
            w += weight
        ids[r], weights[r] = out[: length + 1], w[: length + 1]
    return ids, weights


def with_newlines(asks):
    """The newline after an answer belongs to it: writing it is how the model says that the answer is whole."""
    after = np.roll(asks, 1)
    return np.where((asks == 0) & (after > 0), after, asks)


class Corpus:
    """Documents that `keyfold corpus` writes, packed into rows; never the same document twice."""

    def __init__(self, keyfold, tokenizer, folder, seed):
        self.keyfold, self.tokenizer, self.folder, self.next = keyfold, tokenizer, Path(folder), seed
        self.waiting = defaultdict(list)  # documents that no row has had room for yet, by length and arguments

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

    def rows(self, rows, length, arguments=(), kinds=()):
        """Rows of length + 1 tokens, each filled with whole documents of at most that length, and their weights.

        With kinds, only documents whose first question is about a fact of one of these.
        """
        ids = np.zeros((rows, length + 1), np.int64)
        weights = np.zeros((rows, length + 1), np.float32)
        waiting = self.waiting[length, *arguments, *kinds]
        for r in range(rows):
            at = 0
            while True:
                while not waiting:
                    new = self.documents(length, max(64, 100_000 // length), arguments)
                    waiting += [d for d in new if not kinds or d[2]["asks"] and d[2]["asks"][0]["kind"] in kinds]
                document, asks, _ = waiting[-1]
                if at + len(document) > length + 1:
                    break
                waiting.pop()
                ids[r, at : at + len(document)] = document
                weights[r, at : at + len(document)] = np.where(asks > 0, ANSWER, TEXT)
                weights[r, at] = 0  # nothing says that a document begins
                at += len(document)
        return ids, weights
