"""A Llama in PyTorch, in the shape and with the names that keyfold reads.

The forward pass is the one of engine/forward_cpu.go, over whole sequences. RoPE rotates halves (element i with
element i + head_dim/2), as Hugging Face's Llama does; export.py reorders for GGUF, which rotates pairs.
"""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    dim: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    hidden_dim: int
    vocab_size: int = 2048
    context: int = 1024  # what the longest lesson has
    head_dim: int = 64
    rope_base: float = 10000.0
    norm_eps: float = 1e-5

    def asdict(self):
        return asdict(self)


# About 1, 3, 7.5 and 30 million parameters, head_dim 64 in all.
SIZES = {
    "1m": Config(dim=128, n_layers=4, n_heads=2, n_kv_heads=1, hidden_dim=352),
    "3m": Config(dim=192, n_layers=6, n_heads=4, n_kv_heads=2, hidden_dim=512),
    "2m": Config(dim=128, n_layers=6, n_heads=4, n_kv_heads=2, hidden_dim=384),
    "7m": Config(dim=256, n_layers=10, n_heads=4, n_kv_heads=2, hidden_dim=704),
    "30m": Config(dim=512, n_layers=10, n_heads=8, n_kv_heads=4, hidden_dim=1408),
}


def rotate(x, cos, sin):
    """x (batch, head, token, head_dim), cos and sin (token, head_dim / 2)."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        q, kv = c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim
        self.attn_norm = nn.RMSNorm(c.dim, eps=c.norm_eps)
        self.qkv = nn.Linear(c.dim, q + 2 * kv, bias=False)
        self.attn_output = nn.Linear(q, c.dim, bias=False)
        self.ffn_norm = nn.RMSNorm(c.dim, eps=c.norm_eps)
        self.gate_up = nn.Linear(c.dim, 2 * c.hidden_dim, bias=False)
        self.ffn_down = nn.Linear(c.hidden_dim, c.dim, bias=False)

    def queries_keys_values(self, x, cos, sin):
        c, (b, t, _) = self.c, x.shape
        q, k, v = self.qkv(self.attn_norm(x)).split([h * c.head_dim for h in (c.n_heads, c.n_kv_heads, c.n_kv_heads)], -1)
        q, k, v = (z.view(b, t, -1, c.head_dim).transpose(1, 2) for z in (q, k, v))
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        q, k, v = self.queries_keys_values(x, cos, sin)
        group = self.c.n_heads // self.c.n_kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_output(a.transpose(1, 2).reshape(b, t, -1))
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.ffn_down(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = nn.Embedding(c.vocab_size, c.dim)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.n_layers))
        self.norm = nn.RMSNorm(c.dim, eps=c.norm_eps)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                down = name.endswith(("attn_output.weight", "ffn_down.weight"))
                embedding = name.startswith("embed")
                nn.init.normal_(p, std=0.02 if embedding else p.shape[1] ** -0.5 / (math.sqrt(2 * c.n_layers) if down else 1))

    def angles(self, t, device):
        half = torch.arange(0, self.c.head_dim, 2, device=device, dtype=torch.float32) / self.c.head_dim
        a = torch.outer(torch.arange(t, device=device, dtype=torch.float32), self.c.rope_base**-half)
        return a.cos(), a.sin()

    def hidden(self, ids):
        """The normalised residual (batch, token, dim) whose product with the embedding is the logits."""
        x = self.embed(ids)
        cos, sin = self.angles(ids.shape[1], ids.device)
        cos, sin = cos.to(x.dtype), sin.to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)

    def forward(self, ids):
        return F.linear(self.hidden(ids), self.embed.weight)
