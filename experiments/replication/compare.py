"""Both methods beside others of kvpress, at equal size: python compare.py --model meta-llama/Llama-3.2-1B-Instruct

A context is filler with facts in it ("The number of the harbour in Oakvale is 48213."). It is read and compressed before any
question is known, then every question is asked of the same cache. KVMerger and GVote find their own size; the presses below them
keep the same share of the same context. Everything is teacher-forced on the true answer:

    kept    share of the slots that are left, over all layers and heads
    exact   questions where the first choice is right at every token of the answer, as greedy decoding needs it
    NLL     nats per token of the answer
    KL      nats per token of the answer, from the full cache's prediction to the compressed one's

Means over the contexts, with their standard errors.
"""

import argparse
import random
from collections import defaultdict

import torch
from kvpress import AdaKVPress, ExpectedAttentionPress, SnapKVPress, StreamingLLMPress
from presses import GVotePress, KVMergerPress
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

# Presses of one group have the same sets and so the same size, which the baselines are then told to keep.
GROUPS = [
    {
        "kvmerger": KVMergerPress(),
        "kvmerger, values=convex": KVMergerPress(values="convex"),
        "kvmerger, values=paper, sigma=5": KVMergerPress(values="paper", sigma=5.0),
        "kvmerger, pivots unblended": KVMergerPress(sigma=1e-6),
    },
    {"kvmerger, 8 % and 2 % left alone": KVMergerPress(recent=0.08, top=0.02)},
    {"gvote": GVotePress()},
    {"gvote, p_nuc=0.8": GVotePress(p_nuc=0.8)},
]
BASELINES = {
    "streaming": StreamingLLMPress,
    "snapkv": SnapKVPress,
    "ada expected": lambda removed: AdaKVPress(ExpectedAttentionPress(removed, epsilon=1e-2)),
}

TOWNS = "Oakvale Brackford Millhaven Thornby Eastmere Colwick Redbridge Stonefield Harwell Lindale".split()
THINGS = "harbour library bakery museum station lighthouse school theatre mill market".split()
PEOPLE = "Freya Bruno Rolf Ada Tomas Mira Jonas Celia Oskar Nadia".split()
DEEDS = ["walked along", "painted", "wrote a letter about", "waited near", "dreamed of", "took a picture of", "argued about", "slept beside"]
SIGHTS = ["the old bridge", "a field of clover", "the empty square", "a flock of geese", "the quiet river", "a broken cart", "the tall poplars", "a stone wall"]
TIMES = ["in the morning", "before the rain", "on Sunday", "for an hour", "at dusk", "with a friend", "as every year", "and went home"]


def document(rng, tokenizer, length, facts):
    """A text of about length tokens, and its (question, answer) pairs."""
    pairs = []
    for town, thing in rng.sample([(town, thing) for town in TOWNS for thing in THINGS], facts):
        pairs.append((f"The number of the {thing} in {town} is", f" {rng.randrange(10000, 100000)}"))
    sentences, tokens = [], sum(len(tokenizer.encode(q + a + ".")) for q, a in pairs)
    while tokens < length:
        sentences.append(" ".join(map(rng.choice, (PEOPLE, DEEDS, SIGHTS, TIMES))) + ".")
        tokens += len(tokenizer.encode(" " + sentences[-1], add_special_tokens=False))
    for question, answer in pairs:
        sentences.insert(rng.randrange(len(sentences) + 1), question + answer + ".")
    return " ".join(sentences), pairs


def predictions(model, press, context, questions):
    """Log probabilities of each answer's tokens, behind a context that was read under press."""
    cache = DynamicCache()
    if press is None:
        model.model(context, past_key_values=cache)
    else:
        with press(model):
            model.model(context, past_key_values=cache)
    lengths = [layer.keys.shape[2] for layer in cache.layers]

    out = []
    for ids, answer_len in questions:
        positions = torch.arange(context.shape[1], context.shape[1] + ids.shape[1], device=ids.device)[None]
        logits = model(ids, past_key_values=cache, position_ids=positions).logits[0, -answer_len - 1 : -1]
        out.append(logits.float().log_softmax(-1))
        for layer, n in zip(cache.layers, lengths):
            layer.keys, layer.values = layer.keys[:, :, :n], layer.values[:, :, :n]
    return out


def measure(got, full, questions):
    """(exact, NLL, KL) of one context."""
    exact, nll, kl, tokens = 0, 0.0, 0.0, 0
    for p, q, (ids, answer_len) in zip(got, full, questions):
        answer = ids[0, -answer_len:]
        exact += bool((p.argmax(-1) == answer).all())
        nll -= float(p.gather(-1, answer[:, None]).sum())
        kl += float((q.exp() * (q - p)).sum())
        tokens += answer_len
    return exact / len(questions), nll / tokens, kl / tokens


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, help="a causal model of Llama's kind, by name or as a folder")
    p.add_argument("--contexts", type=int, default=20)
    p.add_argument("--length", type=int, default=3000, help="tokens of a context, about")
    p.add_argument("--facts", type=int, default=10, help="facts, and questions, of a context")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype, attn_implementation="sdpa").to(device).eval()
    rng, results = random.Random(args.seed), defaultdict(list)

    for number in range(args.contexts):
        text, pairs = document(rng, tokenizer, args.length, args.facts)
        context = tokenizer.encode(text, return_tensors="pt").to(device)
        questions = []
        for question, answer in pairs:
            asked = tokenizer.encode("\n" + question, add_special_tokens=False)
            answer = tokenizer.encode("\n" + question + answer, add_special_tokens=False)[len(asked) :]
            questions.append((torch.tensor([asked + answer], device=device), len(answer)))

        with torch.no_grad():
            full = predictions(model, None, context, questions)
            results["full", ""].append((1.0, *measure(full, full, questions)))
            for group in GROUPS:
                for name, press in group.items():
                    got = predictions(model, press, context, questions)
                    results[name, ""].append((1 - press.compression_ratio, *measure(got, full, questions)))
                removed = press.compression_ratio
                for baseline, press in BASELINES.items():
                    got = predictions(model, press(removed), context, questions)
                    results[name, baseline].append((1 - removed, *measure(got, full, questions)))
        print(f"context {number + 1} of {args.contexts}: {context.shape[1]} tokens", flush=True)

    print(f"\n{args.model}, {dtype}, seed {args.seed}, {args.facts} questions per context\n")
    print(f"{'':34}{'kept':>6}{'exact':>17}{'NLL':>17}{'KL':>17}")
    for (name, baseline), rows in results.items():
        rows = torch.tensor(rows, dtype=torch.float64)
        mean, error = rows.mean(0).tolist(), (rows.std(0) / len(rows) ** 0.5).tolist()
        cells = [f"{m:.3f} +- {e:.3f}" for m, e in zip(mean[1:], error[1:])]
        print(f"{'    ' + baseline if baseline else name:34}{mean[0]:6.3f}{cells[0]:>17}{cells[1]:>17}{cells[2]:>17}")


if __name__ == "__main__":
    main()
