"""From weights to files that others read: python export.py ../build/train/3m --name keyfold-3m --out ../build/models

Writes, from the same float32 weights: NAME-f16.gguf and NAME-q8_0.gguf for keyfold and llama.cpp, and a folder NAME with
config.json, model.safetensors (float32), tokenizer.json and tokenizer_config.json for Hugging Face's transformers.
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

import tokenizer
from model import Config


def tensors(weights, c):
    """Every weight under the name that Hugging Face's Llama gives it, float32."""
    q, kv = c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim
    out = {"model.embed_tokens.weight": weights["embed.weight"], "model.norm.weight": weights["norm.weight"]}
    for layer in range(c.n_layers):
        w = {k.removeprefix(f"layers.{layer}."): v for k, v in weights.items() if k.startswith(f"layers.{layer}.")}
        p = f"model.layers.{layer}."
        out[p + "input_layernorm.weight"] = w["attn_norm.weight"]
        out[p + "self_attn.q_proj.weight"], out[p + "self_attn.k_proj.weight"], out[p + "self_attn.v_proj.weight"] = np.split(w["qkv.weight"], [q, q + kv])
        out[p + "self_attn.o_proj.weight"] = w["attn_output.weight"]
        out[p + "post_attention_layernorm.weight"] = w["ffn_norm.weight"]
        out[p + "mlp.gate_proj.weight"], out[p + "mlp.up_proj.weight"] = np.split(w["gate_up.weight"], 2)
        out[p + "mlp.down_proj.weight"] = w["ffn_down.weight"]
    return {k: np.ascontiguousarray(v, np.float32) for k, v in out.items()}


GGUF_NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip


def gguf_name(name):
    name = name.removeprefix("model.").removesuffix(".weight")
    if name in ("embed_tokens", "norm"):
        return {"embed_tokens": "token_embd", "norm": "output_norm"}[name] + ".weight"
    _, layer, part = name.split(".", 2)
    return f"blk.{layer}.{GGUF_NAMES[part]}.weight"


def paired(w, heads):
    """Reorders the rows of queries or keys: GGUF's Llama rotates rows 2i and 2i + 1 of a head, Hugging Face's i and i + head_dim/2."""
    return w.reshape(heads, 2, -1, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def write_gguf(path, name, c, weights, sp, kind, about):
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(name)
    w.add_description(about)
    w.add_license("MIT")
    w.add_context_length(c.context)
    w.add_embedding_length(c.dim)
    w.add_block_count(c.n_layers)
    w.add_feed_forward_length(c.hidden_dim)
    w.add_head_count(c.n_heads)
    w.add_head_count_kv(c.n_kv_heads)
    w.add_key_length(c.head_dim)
    w.add_value_length(c.head_dim)
    w.add_rope_dimension_count(c.head_dim)
    w.add_rope_freq_base(c.rope_base)
    w.add_layer_norm_rms_eps(c.norm_eps)
    w.add_vocab_size(c.vocab_size)
    w.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if kind == gguf.GGMLQuantizationType.F16 else gguf.LlamaFileType.MOSTLY_Q8_0)
    tokenizer.add_to_gguf(w, sp)
    for name, t in weights.items():
        if name.endswith("q_proj.weight"):
            t = paired(t, c.n_heads)
        if name.endswith("k_proj.weight"):
            t = paired(t, c.n_kv_heads)
        if t.ndim == 1:
            w.add_tensor(gguf_name(name), t)
        else:
            w.add_tensor(gguf_name(name), gguf.quants.quantize(t, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_hugging_face(folder, c, weights, sp):
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": c.dim, "intermediate_size": c.hidden_dim,
        "num_hidden_layers": c.n_layers, "num_attention_heads": c.n_heads, "num_key_value_heads": c.n_kv_heads, "head_dim": c.head_dim,
        "vocab_size": c.vocab_size, "max_position_embeddings": c.context, "rms_norm_eps": c.norm_eps, "rope_theta": c.rope_base,
        "hidden_act": "silu", "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "torch_dtype": "float32",
        "bos_token_id": tokenizer.BOS, "eos_token_id": tokenizer.EOS,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokenizer.write_json(sp, folder / "tokenizer.json")
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "model_max_length": c.context}
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=2) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, help="the folder that train.py wrote")
    p.add_argument("--name", required=True)
    p.add_argument("--context", type=int, help="the longest text the model is meant for (default: as configured)")
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    state = json.loads((args.run / "state.json").read_text())
    c = Config(**state["config"])
    c.context = args.context or c.context
    weights = tensors(load_file(args.run / "weights.safetensors"), c)
    sp = tokenizer.load(args.run / "vocab")
    args.out.mkdir(parents=True, exist_ok=True)
    about = f"Trained from nothing on {state['tokens'] / 1e6:.0f} million tokens of keyfold's corpus; see models/README.md"
    for kind in (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.Q8_0):
        path = args.out / f"{args.name}-{kind.name.lower()}.gguf"
        write_gguf(path, args.name, c, weights, sp, kind, about)
        print(path, path.stat().st_size, "bytes")
    write_hugging_face(args.out / args.name, c, weights, sp)
    print(args.out / args.name, sum(f.stat().st_size for f in (args.out / args.name).iterdir()), "bytes")


if __name__ == "__main__":
    main()
