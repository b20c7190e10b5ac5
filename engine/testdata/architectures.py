"""Random models of every architecture, and their logits as transformers computes them: python architectures.py OUT [--more]

Each model is a folder of OUT: config.json and model.safetensors as transformers writes them, model.gguf with the same weights
by gguf-py, ids.json with ids, and logits.f32 (ids, vocab). Weights are rounded to float16, everything is computed in float32.
The small models lie in engine/testdata/architectures; --more makes larger ones, for build/architectures, with other ratios of
heads, bases and factors. Both are read by TestLogitsOfArchitectures in engine.

Made with transformers 5.24.0, torch 2.15.0 and gguf 0.19.0.
"""

import argparse
import json
import math
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

LLAMA = (LlamaConfig, LlamaForCausalLM)
MISTRAL = (MistralConfig, MistralForCausalLM)
QWEN2 = (Qwen2Config, Qwen2ForCausalLM)
QWEN3 = (Qwen3Config, Qwen3ForCausalLM)


def llama3(factor, original, low=1.0, high=4.0, theta=500000.0):
    return {
        "rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high,
        "original_max_position_embeddings": original, "rope_theta": theta,
    }  # fmt: skip


def linear(factor, theta=10000.0):
    return {"rope_type": "linear", "factor": factor, "rope_theta": theta}


def plain(theta):
    return {"rope_type": "default", "rope_theta": theta}


# name: classes, (dim, hidden, layers, heads, kv heads, head_dim), other settings
SMALL = {
    "llama3": (LLAMA, (16, 32, 2, 4, 2, 8), {"rope_parameters": llama3(8.0, 32, theta=10000.0), "tie_word_embeddings": True}),
    "linear": (LLAMA, (16, 32, 2, 2, 1, 12), {"rope_parameters": linear(4.0)}),
    "qwen2": (QWEN2, (16, 32, 2, 4, 1, 4), {"rope_parameters": plain(1000000.0), "tie_word_embeddings": True}),
    "qwen3": (QWEN3, (16, 32, 2, 3, 1, 12), {"rope_parameters": plain(1000000.0)}),
}
MORE = {
    "llama-3.2": (LLAMA, (128, 256, 2, 8, 2, 64), {"rope_parameters": llama3(32.0, 8192), "tie_word_embeddings": True}),
    "llama3-bands": (LLAMA, (96, 96, 3, 3, 3, 40), {"rope_parameters": llama3(3.5, 40, 0.5, 9.0, 777.0)}),
    "llama3-few-kv": (LLAMA, (96, 160, 2, 8, 1, 16), {"rope_parameters": llama3(16.0, 100, 2.0, 3.0)}),
    "linear-below-1": (LLAMA, (64, 96, 2, 4, 2, 16), {"rope_parameters": linear(0.5)}),
    "linear-odd": (LLAMA, (48, 96, 2, 6, 3, 20), {"rope_parameters": linear(2.7, 500000.0), "tie_word_embeddings": True}),
    "llama-biases": (LLAMA, (64, 96, 2, 4, 2, 16), {"rope_parameters": plain(10000.0), "attention_bias": True}),
    "mistral": (MISTRAL, (64, 128, 2, 8, 2, 24), {"rope_parameters": plain(1000000.0), "sliding_window": None}),
    "mistral-window": (MISTRAL, (64, 128, 2, 4, 4, 16), {"rope_parameters": plain(10000.0), "sliding_window": 512}),
    "mistral-linear": (MISTRAL, (64, 128, 2, 4, 4, 16), {"rope_parameters": linear(8.0), "sliding_window": None}),
    "qwen2-untied": (QWEN2, (56, 96, 3, 7, 1, 8), {"rope_parameters": plain(1000000.0)}),
    "qwen2-0.5b": (QWEN2, (896, 512, 1, 14, 2, 64), {"rope_parameters": plain(1000000.0), "tie_word_embeddings": True}),
    "qwen2-scaled": (QWEN2, (64, 96, 2, 4, 4, 16), {"rope_parameters": llama3(8.0, 64), "tie_word_embeddings": True}),
    "qwen2-window": (QWEN2, (64, 96, 2, 4, 2, 16), {"rope_parameters": plain(10000.0), "use_sliding_window": True, "sliding_window": 64, "max_window_layers": 2}),
    "qwen3-0.6b": (QWEN3, (256, 384, 2, 16, 8, 128), {"rope_parameters": plain(1000000.0), "tie_word_embeddings": True}),
    "qwen3-biases": (QWEN3, (64, 96, 2, 6, 2, 20), {"rope_parameters": plain(10000.0), "attention_bias": True}),
    "qwen3-linear": (QWEN3, (64, 96, 2, 4, 1, 32), {"rope_parameters": linear(4.0)}),
}  # fmt: skip


def build(classes, sizes, settings, vocab, seed):
    dim, hidden, layers, heads, kv_heads, head_dim = sizes
    config = classes[0](
        hidden_size=dim, intermediate_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
        head_dim=head_dim, vocab_size=vocab, max_position_embeddings=512, rms_norm_eps=1e-6, attn_implementation="eager",
        **{"tie_word_embeddings": False, **settings},
    )  # fmt: skip
    torch.manual_seed(seed)
    model = classes[1](config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("norm.weight"):
                p.normal_(1.0, 0.2)
            elif name.endswith("o_proj.bias"):
                p.zero_()  # keyfold has none there
            elif name.endswith("bias"):
                p.normal_(0.0, 0.5)
            else:
                p.normal_(0.0, 1.2 / math.sqrt(p.shape[1]))
            p.copy_(p.half().float())
    return config, model


def paired(w, heads):
    """As convert_hf_to_gguf.py reorders queries and keys for llama: rows i and i + head_dim/2 of a head become neighbours."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def frequency_factors(rope, head_dim):
    """As convert_hf_to_gguf.py computes rope_freqs.weight."""
    factors = []
    for i in range(0, head_dim, 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (i / head_dim)
        original, low, high = rope["original_max_position_embeddings"], rope["low_freq_factor"], rope["high_freq_factor"]
        if wavelength < original / high:
            factors.append(1)
        elif wavelength > original / low:
            factors.append(rope["factor"])
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, np.float32)


def write_gguf(path, config, model):
    arch = {"mistral": "llama"}.get(config.model_type, config.model_type)
    w = gguf.GGUFWriter(path, arch)
    w.add_name(path.parent.name)
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_block_count(config.num_hidden_layers)
    w.add_feed_forward_length(config.intermediate_size)
    w.add_head_count(config.num_attention_heads)
    w.add_head_count_kv(config.num_key_value_heads)
    w.add_key_length(config.head_dim)
    w.add_value_length(config.head_dim)
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    w.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "llama3":
        w.add_tensor("rope_freqs.weight", frequency_factors(rope, config.head_dim))
    if rope["rope_type"] == "linear":
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(rope["factor"])
    arch_id = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch)
    names = gguf.get_tensor_name_map(arch_id, config.num_hidden_layers)
    for name, p in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        x = p.numpy()
        if arch == "llama" and ".q_proj." in name:
            x = paired(x, config.num_attention_heads)
        if arch == "llama" and ".k_proj." in name:
            x = paired(x, config.num_key_value_heads)
        x = x if x.ndim == 1 else x.astype(np.float16)
        w.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), x)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("out", type=Path)
    args.add_argument("--more", action="store_true", help="larger models instead of the small ones")
    args = args.parse_args()
    vocab, n = (320, 200) if args.more else (32, 48)
    for seed, (name, (classes, sizes, settings)) in enumerate((MORE if args.more else SMALL).items()):
        config, model = build(classes, sizes, settings, vocab, seed)
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        ids = torch.randint(vocab, (1, n), generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            logits = model(ids).logits[0]
        (folder / "ids.json").write_text(json.dumps({"ids": ids[0].tolist()}) + "\n")
        logits.numpy().astype("<f4").tofile(folder / "logits.f32")
        write_gguf(folder / "model.gguf", config, model)
        model.half().save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        print(f"{name}: logits from {logits.min():.2f} to {logits.max():.2f}")


if __name__ == "__main__":
    main()
