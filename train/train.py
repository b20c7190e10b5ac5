"""From corpus to model: python train.py --size 3m --minutes 60 --out ../build/train/3m. See README.md for the recipe and why it is so.

Everything is kept in --out: the vocabulary, the newest weights, and three CSV files (log.csv, exact.csv, keys.csv). Called again it
goes on from there, with new documents and a fresh optimiser.
"""

import argparse
import csv
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import data
import tokenizer
from model import SIZES, Config, Llama

# Lessons end by documents that are never trained on, as a run takes its own from seed << 24 on. They have only the words and frames
# that training has; those that it has not come with the seeds of keyfold eval.
CHECK_FROM = 255 << 24
VOCABULARY_DOCS = 20_000

# Kinds of facts whose subjects take several tokens, which they share with each other, and may follow their values:
# "a coat into drawer 28".
COMPOUND = (
    "drawer", "captain", "find", "morning hour", "row", "age", "price", "pet", "house number", "animal name", "books", "class",
    "keeping", "meal", "event",
)  # fmt: skip


@dataclass
class Stage:
    """A lesson: what rows it has, and the exact accuracy that ends it early. share is the most of the time that it may take."""

    name: str
    lengths: tuple  # of rows, one of them drawn for every step; exact accuracy is measured at the last
    share: float
    recall: float = 0.0  # part of the rows that are random recall
    sums: float = 0.0  # part of them that are sums
    facts: float = 0.0  # part of them that are documents of facts alone, beside those in the mix
    compound: float = 0.0  # part of them that are documents of facts of the COMPOUND kinds
    alphabet: int | None = None  # how many words the random rows are made of; None: all that there are
    dense: bool = False  # facts and questions, no text around them
    until: tuple[str, float] | None = None


STAGES = [
    Stage("letters", (64,), 0.10, recall=1.0, alphabet=48, until=("recall", 0.93)),
    Stage("words", (128,), 0.10, recall=0.8, alphabet=256, dense=True, until=("recall", 0.93)),
    Stage("dense", (128,), 0.20, recall=0.05, dense=True, until=("fact", 0.90)),
    Stage("short", (256,), 0.30, recall=0.05, sums=0.1, facts=0.3, until=("fact", 0.90)),
    Stage("medium", (256, 512), 0.30, recall=0.05, sums=0.1, facts=0.2, compound=0.2, until=("fact", 0.95)),
    Stage("long", (256, 512, 1024), 1.0, recall=0.05, sums=0.05, facts=0.2, compound=0.3),
]


class Run:
    def __init__(self, args):
        self.args, self.out = args, Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(args.seed)
        self.step, self.tokens, self.seconds, self.stage, self.documents = 0, 0, 0.0, 0, args.seed << 24
        self.config = SIZES[args.size]
        state = self.out / "state.json"
        if state.exists():
            saved = json.loads(state.read_text())
            self.config = Config(**saved["config"])
            self.step, self.tokens, self.seconds = saved["step"], saved["tokens"], saved["seconds"]
            self.stage, self.documents = saved["stage"], saved["documents"]
        self.vocabulary()
        self.model = Llama(self.config)
        if state.exists():
            self.model.load_state_dict(load_file(self.out / "weights.safetensors"))
        self.model.to(self.device)
        self.compiled = torch.compile(self.model, dynamic=False)
        self.corpus = data.Corpus(args.keyfold, self.out / "vocab.gguf", self.out / "shards", self.documents)
        self.rng = np.random.default_rng([args.seed, self.step])
        self.optimizers = self.make_optimizers()
        self.questions = {}
        self.mixed = torch.from_numpy(self.unseen().rows(8, 512)[0]).to(self.device)  # of all tasks, to compare keys on

    def vocabulary(self):
        """Trains the vocabulary on the corpus, once, and writes it as vocab.model and vocab.gguf."""
        if not (self.out / "vocab.model").exists():
            import subprocess

            text = self.out / "vocabulary.txt"
            with open(text, "w") as f:
                subprocess.run([self.args.keyfold, "corpus", "-seed", "0", "-docs", str(VOCABULARY_DOCS)], check=True, stdout=f)
            tokenizer.train(text, self.out / "vocab")
            text.unlink()
        sp = tokenizer.load(self.out / "vocab")
        tokenizer.write_gguf(sp, self.out / "vocab.gguf")
        pieces = [(i, sp.id_to_piece(i)) for i in range(sp.vocab_size())]
        words = [i for i, piece in pieces if piece.startswith("▁") and len(piece) > 3]
        self.sums = data.all_sums(sp.encode)
        self.words = np.random.default_rng(self.args.seed).permutation(words)

    def make_optimizers(self):
        """Muon for the matrices of the layers, AdamW for the embedding and the gains."""
        matrices = [p for p in self.model.layers.parameters() if p.dim() == 2]
        ids = {id(p) for p in matrices}
        others = [p for p in self.model.parameters() if id(p) not in ids]
        return [
            torch.optim.Muon(matrices, lr=1.0, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=1.0, betas=(0.9, 0.95), weight_decay=0.0),
        ]

    def rate(self, began):
        """The learning rate: a warm-up after every start, then level, then down in a line over the last minutes of this call."""
        left = self.args.minutes * 60 - (time.time() - began)
        warm = min(1.0, (self.step - self.first + 1) / 100)
        return self.args.rate * warm * max(0.02, min(1.0, left / (self.args.decay * 60))) if self.args.decay else self.args.rate * warm

    def batch(self, stage):
        length = int(self.rng.choice(stage.lengths))
        rows = max(1, self.args.batch // length)
        shares = [stage.recall, stage.sums, stage.facts, stage.compound]
        n_recall, n_sums, n_facts, n_compound, n = self.rng.multinomial(rows, [*shares, 1 - sum(shares)])
        arguments = ["-dense", "-task", "fact,facts,pairs,fact,facts,needle-keys"] if stage.dense else []
        parts = [
            data.recall(self.rng, n_recall, length, self.words[: stage.alphabet], hard=stage.alphabet is None),
            data.sums(self.rng, n_sums, length, self.sums),
            self.corpus.rows(n_facts, length, ["-task", "fact,facts"]),
            self.corpus.rows(n_compound, length, ["-task", "fact"], COMPOUND),
            self.corpus.rows(n, length, arguments),
        ]
        ids, weights = (np.concatenate(arrays) for arrays in zip(*parts))
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(weights).to(self.device)

    def losses(self, ids):
        """Cross entropy of every token but the first, (rows, length)."""
        with torch.autocast(self.device, torch.bfloat16):
            logits = self.compiled(ids[:, :-1])
        return F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(ids.shape[0], -1)

    def train(self):
        self.first, began = self.step, time.time()
        log = Table(self.out / "log.csv", "step tokens seconds stage length rate loss text answer")
        seconds, stage_began = self.seconds, 0.0
        while (now := time.time() - began) < self.args.minutes * 60:
            stage = STAGES[self.stage]
            ids, weights = self.batch(stage)
            rate = self.rate(began)
            losses, weights = self.losses(ids), weights[:, 1:]
            loss = (losses * weights).sum() / weights.sum()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            for o in self.optimizers:
                for group in o.param_groups:
                    group["lr"] = rate
                o.step()
                o.zero_grad(set_to_none=True)
            self.step += 1
            self.tokens += ids.numel() - len(ids)
            if self.step % 20 == 0:
                text = losses[weights == data.TEXT].mean().item()
                answer = losses[weights > data.TEXT].mean().item()
                self.seconds = seconds + time.time() - began
                row = log.add(self.step, self.tokens, self.seconds, stage.name, ids.shape[1] - 1, rate, loss.item(), text, answer)
                print(row, f"{self.tokens / self.seconds:.0f} tokens/s", flush=True)
            if self.step % self.args.check == 0:
                exact = self.check(stage)
                late = now - stage_began > stage.share * self.args.minutes * 60
                if self.stage + 1 < len(STAGES) and (late or stage.until and exact[stage.until[0]] >= stage.until[1]):
                    self.stage, stage_began = self.stage + 1, now
                    print(f"-> {STAGES[self.stage].name}" + (" (out of time)" if late else ""), flush=True)
                self.save()
        self.check(STAGES[self.stage])
        self.save()

    def save(self):
        new = self.out / "weights.new"
        save_file({k: v.contiguous() for k, v in self.model.state_dict().items()}, new)
        new.replace(self.out / "weights.safetensors")
        state = {
            "config": asdict(self.config), "size": self.args.size, "seed": self.args.seed, "step": self.step, "tokens": self.tokens,
            "seconds": self.seconds, "stage": self.stage, "documents": self.corpus.next, "device": self.device,
        }  # fmt: skip
        (self.out / "state.json").write_text(json.dumps(state, indent=1))

    @torch.no_grad()
    def check(self, stage):
        """Logs exact answers beside the guessing rate, per task, on documents that are never trained on, and key similarity.

        An answer is exact if greedy decoding would write it token by token to its end: teacher-forced, that is the same as every
        token of it being the likeliest one.
        """
        self.model.eval()
        length = stage.lengths[-1]
        table = Table(self.out / "exact.csv", "step tokens task length asks exact guess")
        exact = {}
        drawn = np.random.default_rng(CHECK_FROM)
        drills = {
            "recall": data.recall(drawn, 32, length, self.words[: stage.alphabet], hard=stage.alphabet is None),
            "sums": data.sums(drawn, 8, length, self.sums),
        }
        for name, (ids, weights) in drills.items():
            asked = weights[:, 1:] > 0
            exact[name] = float(self.likeliest(ids)[asked].mean())  # of tokens
            table.add(self.step, self.tokens, name, length, int(asked.sum()), exact[name], 0.0)
        for task, documents in ({} if stage.recall == 1 else self.held(stage)).items():
            scores, guesses = [], []
            ids = np.zeros((len(documents), 1 + max(len(ids) for ids, _, _ in documents)), np.int64)
            for r, (document, _, _) in enumerate(documents):
                ids[r, : len(document)] = document
            right = self.likeliest(ids)
            for r, (_, asks, described) in enumerate(documents):
                for k, ask in enumerate(described["asks"], 1):
                    at = np.flatnonzero(asks == k)  # never 0, where BOS is
                    if len(at):
                        scores.append(right[r, at - 1].all())
                        guesses.append(ask["guess"])
            exact[task] = float(np.mean(scores))
            table.add(self.step, self.tokens, task, length, len(scores), exact[task], float(np.mean(guesses)))
        print("  exact", "  ".join(f"{t} {e:.3f}" for t, e in exact.items()), flush=True)
        shares = self.key_shares(self.mixed)
        keys = Table(self.out / "keys.csv", "step tokens layer share")
        for layer, share in enumerate(shares):
            keys.add(self.step, self.tokens, layer, share)
        print("  neighbouring keys above 0.75:", " ".join(f"{s:.2f}" for s in shares), flush=True)
        self.model.train()
        return exact

    def unseen(self):
        return data.Corpus(self.args.keyfold, self.out / "vocab.gguf", self.out / "shards", CHECK_FROM)

    def held(self, stage):
        """Documents of evaluation seeds, by task: {task: [(ids, asks, description)]}."""
        if stage.name not in self.questions:
            source = self.unseen()
            arguments = ["-dense"] if stage.dense else []
            self.questions[stage.name], length = {}, stage.lengths[-1]
            tasks = ["pairs", "fact", "facts", "fact-queries", "needle", "needle-keys"]
            if not stage.dense:
                tasks += ["story-questions", "hops", "count", "frequent", "arithmetic"]
            for task in tasks:
                count = max(4, 8192 // length)
                self.questions[stage.name][task] = source.documents(max(length, 192 if task in ("arithmetic", "hops") else 0), count, ["-task", task, *arguments])
        return self.questions[stage.name]

    def likeliest(self, ids):
        """Whether each token but the first is the likeliest one after those before it, (rows, length)."""
        ids = torch.from_numpy(ids).to(self.device)
        right = []
        for part in ids.split(max(1, self.args.batch // ids.shape[1])):
            with torch.autocast(self.device, torch.bfloat16):
                right.append((self.model(part[:, :-1]).argmax(-1) == part[:, 1:]).cpu().numpy())
        return np.concatenate(right)

    def key_shares(self, ids):
        """The share of neighbouring keys, after RoPE, with a cosine above 0.75, per layer."""
        x = self.model.embed(ids)
        cos, sin = self.model.angles(ids.shape[1], ids.device)
        real = (ids[:, 1:] != 0).unsqueeze(1)
        shares = []
        for layer in self.model.layers:
            _, k, _ = layer.queries_keys_values(x, cos, sin)
            close = F.cosine_similarity(k[:, :, 1:], k[:, :, :-1], dim=-1) > 0.75
            shares.append(float(close[real.expand_as(close)].float().mean()))
            x = layer(x, cos, sin)
        return shares


class Table:
    """A CSV file that grows by rows."""

    def __init__(self, path, columns):
        self.path = path
        if not path.exists():
            path.write_text(",".join(columns.split()) + "\n")

    def add(self, *row):
        row = [f"{v:.5g}" if isinstance(v, float) and not math.isinf(v) else str(v) for v in row]
        with open(self.path, "a", newline="") as f:
            csv.writer(f).writerow(row)
        return " ".join(row)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", choices=SIZES, default="7m")
    p.add_argument("--minutes", type=float, required=True, help="how long to train in this call")
    p.add_argument("--decay", type=float, help="over how many minutes at the end the learning rate falls (default: a third; 0: not at all)")
    p.add_argument("--seed", type=int, default=1, choices=range(255), metavar="0..254")
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--batch", type=int, default=8192, help="tokens per step")
    p.add_argument("--check", type=int, default=200, help="steps between measurements and saved weights")
    p.add_argument("--keyfold", default="../build/keyfold")
    p.add_argument("--out", required=True)
    args = p.parse_args()
    if args.decay is None:
        args.decay = args.minutes / 3
    Run(args).train()


if __name__ == "__main__":
    main()
