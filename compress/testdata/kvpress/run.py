"""Runs NVIDIA's kvpress on stories260K and writes what it scored and kept.

    python run.py .../stories260K/stories260K.bin .../stories260K > stories260K.json

The second argument is the folder with s260k_prompt64.json and
s260k_empty64.json, whose tokens are read. Made with kvpress 0.5.5,
transformers 5.23.0 and torch 2.15.0 on the CPU, in float64. The checkpoint
(llama2.c's layout) is first written as safetensors with a config.json, as
transformers reads it: there a head's pairs are (i, i + head_dim/2).

Everything below "scores" and "kept" comes from kvpress itself; "window",
"expected" and "value_norm" are what it computes them from, asked of its own
functions: the attention of the last queries, summed over them, the logits of
expected attention before the softmax, and the lengths of the values. Each is a
list of heads (of query heads for "expected"), layer by layer, with a number per
slot. Slots that kvpress keeps before all others, by a score above all others,
are null: the window of SnapKV and the sinks of expected attention.
"""

import json
import math
import os
import struct
import sys
import tempfile

import numpy as np
import torch
from kvpress import AdaKVPress, ExpectedAttentionPress, ObservedAttentionPress, SnapKVPress, StreamingLLMPress
from kvpress.utils import compute_n_kept
from safetensors.torch import save_file
from transformers import DynamicCache, LlamaForCausalLM

KEPT = 0.35  # of the slots
WINDOW = 16  # min(64, n_keep / 2)
SINKS = 4


def export(path, folder):
    """Writes the checkpoint as safetensors and config.json."""
    with open(path, "rb") as f:
        dim, hidden, n_layers, n_heads, n_kv_heads, vocab, seq_len = struct.unpack("7i", f.read(28))
        data = np.fromfile(f, dtype="<f4").astype(np.float64)
    head_dim, at = dim // n_heads, 0

    def take(*shape):
        nonlocal at
        n = math.prod(shape)
        at += n
        return torch.from_numpy(data[at - n : at].reshape(shape).copy())

    def halves(w, heads):  # rows of a head from pairs (2i, 2i+1) to (i, i + head_dim/2)
        return w.view(heads, head_dim // 2, 2, -1).transpose(1, 2).reshape(heads * head_dim, -1).contiguous()

    kv_dim = n_kv_heads * head_dim
    embed = take(vocab, dim)
    stacked = {
        "input_layernorm": take(n_layers, dim),
        "self_attn.q_proj": take(n_layers, dim, dim),
        "self_attn.k_proj": take(n_layers, kv_dim, dim),
        "self_attn.v_proj": take(n_layers, kv_dim, dim),
        "self_attn.o_proj": take(n_layers, dim, dim),
        "post_attention_layernorm": take(n_layers, dim),
        "mlp.gate_proj": take(n_layers, hidden, dim),
        "mlp.down_proj": take(n_layers, dim, hidden),
        "mlp.up_proj": take(n_layers, hidden, dim),
    }
    tensors = {"model.embed_tokens.weight": embed, "model.norm.weight": take(dim)}
    for name, w in stacked.items():
        for layer in range(n_layers):
            x = w[layer].clone()
            if name == "self_attn.q_proj":
                x = halves(x, n_heads)
            if name == "self_attn.k_proj":
                x = halves(x, n_kv_heads)
            tensors[f"model.layers.{layer}.{name}.weight"] = x
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    config = dict(
        architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=dim, intermediate_size=hidden,
        num_hidden_layers=n_layers, num_attention_heads=n_heads, num_key_value_heads=n_kv_heads, vocab_size=vocab,
        max_position_embeddings=seq_len, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True,
    )
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)


def rounded(x):
    return [float(f"{v:.7g}") for v in x.flatten().tolist()]


def run(model, tokens, press, record):
    """Prefills under a press. record(module, hidden_states, keys, values, scores) is called in each layer.
    Returns the kept slots of each layer and head."""
    score = type(getattr(press, "press", press)).score

    def recording(self, module, hidden_states, keys, values, attentions, kwargs):
        scores = score(self, module, hidden_states, keys, values, attentions, kwargs)
        record(module, hidden_states, keys, values, scores.clone())
        return scores

    scorer = getattr(press, "press", press)
    scorer.score = recording.__get__(scorer)
    full, cache = DynamicCache(), DynamicCache()
    for layer in model.model.layers:
        layer.self_attn.masked_key_indices = None
    with torch.no_grad():
        model(tokens, past_key_values=full)
        with press(model):
            model(tokens, past_key_values=cache, cache_position=torch.arange(tokens.shape[1]))
    kept = []
    for i, layer in enumerate(model.model.layers):
        keys, left = full.layers[i].keys[0], cache.layers[i].keys[0]
        masked = layer.self_attn.masked_key_indices
        for h in range(keys.shape[0]):
            if masked is not None:
                gone = set(masked[2][masked[1] == h].tolist())
                slots = [j for j in range(keys.shape[1]) if j not in gone]
            else:
                same = (keys[h][:, None] == left[h][None]).all(-1).any(1)
                slots = torch.nonzero(same).flatten().tolist()
            kept.append(slots)
        layer.self_attn.masked_key_indices = None
    return kept


def main():
    folder = tempfile.mkdtemp()
    export(sys.argv[1], folder)
    ids = []
    for name, n in (("s260k_prompt64.json", 64), ("s260k_empty64.json", 32)):
        with open(os.path.join(sys.argv[2], name)) as f:
            ids += json.load(f)["input_tokens"][:n]
    tokens = torch.tensor([ids])

    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="sdpa").eval()
    eager = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    groups = model.config.num_attention_heads // model.config.num_key_value_heads
    out = {"tokens": ids, "budget": KEPT, "n_keep": compute_n_kept(len(ids), 1 - KEPT), "window_size": WINDOW}
    out["scores"], out["kept"] = {}, {}
    for name in ("window", "expected", "value_norm"):
        out[name] = []
    removed = 1 - KEPT

    def scores_of(name):
        out["scores"][name] = []
        return lambda module, hidden_states, keys, values, scores: out["scores"][name].extend(rounded(scores[0]))

    def of_window(module, hidden_states, keys, values, scores):
        out["scores"]["snapkv"].extend(rounded(scores[0]))
        cos_sin = model.model.rotary_emb(hidden_states, torch.arange(hidden_states.shape[1])[None])
        paid = SnapKVPress.compute_window_attention(module, hidden_states, keys, WINDOW, cos_sin)
        paid = paid.sum(-2).view(-1, groups, keys.shape[2] - WINDOW).mean(1)
        out["window"].extend(rounded(torch.nn.functional.pad(paid, (0, WINDOW))))

    def of_expected(module, hidden_states, keys, values, scores):
        out["scores"]["expected"].extend(rounded(scores[0]))
        module.rotary_emb = model.model.rotary_emb
        mean, cov = ExpectedAttentionPress().get_query_statistics(module, hidden_states)
        d = keys.shape[-1]
        k = keys.repeat_interleave(groups, 1)[0]
        z = (k * mean[0][:, None]).sum(-1) / math.sqrt(d) + torch.einsum("hni,hij,hnj->hn", k, cov[0], k) / (2 * d)
        out["expected"].extend(rounded(z))
        out["value_norm"].extend(rounded(values[0].norm(dim=-1)))

    snap = lambda: SnapKVPress(removed, window_size=WINDOW, kernel_size=5)
    out["scores"]["snapkv"], out["scores"]["expected"] = [], []
    nothing = lambda *_: None
    out["kept"]["window"] = run(model, tokens, StreamingLLMPress(removed, n_sink=SINKS), nothing)
    out["kept"]["snapkv"] = run(model, tokens, snap(), of_window)
    out["kept"]["expected"] = run(model, tokens, ExpectedAttentionPress(removed), of_expected)
    out["kept"]["ada:snapkv"] = run(model, tokens, AdaKVPress(snap()), nothing)
    out["kept"]["ada:expected"] = run(model, tokens, AdaKVPress(ExpectedAttentionPress(removed, epsilon=1e-2)), nothing)
    run(eager, tokens, ObservedAttentionPress(removed), scores_of("observed"))
    n = len(ids)
    rows = lambda flat: [flat[i : i + n] for i in range(0, len(flat), n)]
    for name in ("window", "expected", "value_norm"):
        out[name] = rows(out[name])
    for name, flat in out["scores"].items():
        out["scores"][name] = rows(flat)
    for row in out["scores"]["snapkv"]:
        row[n - WINDOW :] = [None] * WINDOW
    for row in out["scores"]["expected"]:
        row[:SINKS] = [None] * SINKS
    json.dump(out, sys.stdout, separators=(",", ":"))
    print()


main()
