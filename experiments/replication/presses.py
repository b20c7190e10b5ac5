"""KVMerger and GVote as presses of NVIDIA's kvpress, with keyfold's defaults.

    with GVotePress()(model):
        model(ids, past_key_values=cache)

Both follow the papers as their public reviews describe them. In both, heads keep different numbers of slots, and how many
follows from the text. A cache of transformers is a rectangle, so kvpress leaves a dropped slot where it is and hides it from
attention: what a method does to the answers is real, and no memory is freed. `compression_ratio` is measured, not set.

Shapes: keys and values (batch, kv_heads, seq_len, head_dim), hidden_states (batch, seq_len, hidden_dim), after the layer's norm.
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from kvpress import BasePress
from kvpress.utils import get_prerope_query_states
from transformers.models.llama.modeling_llama import rotate_half


@dataclass
class RaggedPress(BasePress):
    """A press whose heads keep different numbers of slots."""

    compression_ratios: dict[int, float] = field(default_factory=dict, init=False, repr=False)  # of each layer

    @property
    def compression_ratio(self):
        """The share of the slots that the last prefill gave up. Before the first one there is none."""
        if not self.compression_ratios:
            raise AttributeError("no prompt was read yet, so nothing is known of compression_ratio")
        return sum(self.compression_ratios.values()) / len(self.compression_ratios)

    def keep(self, module, kept, hide=True):
        """Counts what is kept, (batch, kv_heads, seq_len) of bool, and hides the rest from later attention."""
        self.compression_ratios[module.layer_idx] = 1 - kept.float().mean().item()
        if hide and not kept.all():
            if module.config._attn_implementation == "eager":
                raise ValueError("attention is eager, want sdpa or flash attention: kvpress hides slots from no other")
            module.masked_key_indices = torch.where(~kept)


def rotated(states, cos, sin):
    """Queries (batch, heads, n, head_dim) rotated by the n positions of cos and sin (batch, n, head_dim)."""
    return states * cos.unsqueeze(1) + rotate_half(states) * sin.unsqueeze(1)


def attention_logits(module, queries, keys):
    """Logits of queries (batch, heads, n, head_dim) by KV head and its query heads: (batch, kv_heads, group, n, seq_len)."""
    batch, kv_heads, _, head_dim = keys.shape
    queries = queries.float().view(batch, kv_heads, -1, queries.shape[2], head_dim)
    return queries @ keys.float().unsqueeze(2).transpose(-1, -2) * module.scaling


@dataclass
class GVotePress(RaggedPress):
    """
    GVote: sampled future queries vote on what to keep.

    For each query head, with the last prompt query as sample 0:
        1. C_0 = the fewest keys that hold p_nuc of the last query's attention; B = |C_0|
        2. h_s ~ N(mean, diag(sd^2)) of the attention input over the prompt, the first n_s tokens left out
        3. C_s = the B keys with the largest logits for the query of h_s, which stands at position seq_len + s - 1
    A KV head keeps what any C of its query heads contains, the first n_s slots and the newest.

    Based on GVote (https://arxiv.org/abs/2509.03136). Differs: C_0 votes too, the first n_s slots and the newest are always
    kept, short prompts are kept whole. The public text is silent on n_s, the samples' positions and the union over query heads.

    Parameters
    ----------
    p_nuc : float, default=0.95
        Attention mass that the keys of the last query must hold; 1 or more keeps everything.
    samples : int, default=8
        Sampled future queries per layer.
    n_s : int, default=4
        First tokens that are left out of the statistics and always kept.
    include_c0 : bool, default=True
        Whether the keys of the last query are votes.
    min_len : int, default=32
        Shorter prompts are kept whole.
    seed : int, default=1
        Of the draws.
    """

    p_nuc: float = 0.95
    samples: int = 8
    n_s: int = 4
    include_c0: bool = True
    min_len: int = 32
    seed: int = 1

    def draw(self, layer, mean, sd):
        """Hidden states (batch, samples, hidden_dim) around mean and sd (batch, 1, hidden_dim)."""
        generator = torch.Generator().manual_seed(self.seed << 16 | layer)
        return mean + sd * torch.randn(self.samples, mean.shape[-1], generator=generator).to(mean)

    def compress(self, module, hidden_states, keys, values, attentions, kwargs):
        seq_len = keys.shape[2]
        if self.p_nuc >= 1 or seq_len < self.min_len or seq_len <= self.n_s:
            self.keep(module, torch.ones_like(keys[..., 0], dtype=torch.bool))
            return keys, values

        # 1. The last query, then the sampled ones behind it, each at its own position.
        seen = hidden_states[:, self.n_s :].float()
        mean, sd = seen.mean(1, keepdim=True), seen.std(1, correction=0, keepdim=True)
        drawn = self.draw(module.layer_idx, mean, sd).to(hidden_states)
        queries = get_prerope_query_states(module, torch.cat([hidden_states[:, -1:], drawn], 1))
        positions = torch.arange(seq_len - 1, seq_len + self.samples, device=keys.device)
        cos, sin = module.rotary_emb(hidden_states, positions.unsqueeze(0))
        logits = attention_logits(module, rotated(queries, cos, sin), keys)

        # 2. How many keys the last query needs: the fewest whose attention sums to p_nuc.
        attention = logits[..., :1, :].softmax(-1).sort(-1, descending=True).values
        b_step = 1 + (attention.cumsum(-1) < self.p_nuc).sum(-1, keepdim=True)

        # 3. As many votes from every query: rank 0 has the largest logit, of equal ones the lower slot.
        rank = logits.argsort(dim=-1, descending=True, stable=True).argsort(-1)
        votes = rank < b_step
        if not self.include_c0:
            votes = votes[..., 1:, :]
        kept = votes.any(dim=3).any(dim=2)
        kept[..., : self.n_s] = True
        kept[..., -1] = True
        self.keep(module, kept)
        return keys, values


def over_runs(run, x, reduce):
    """Reduces x (batch, kv_heads, seq_len, ...) over each run; every slot gets the result of its own run."""
    index = run if x.ndim == run.ndim else run.unsqueeze(-1).expand_as(x)
    return torch.zeros_like(x).scatter_reduce(2, index, x, reduce, include_self=False).gather(2, index)


@dataclass
class KVMergerPress(RaggedPress):
    """
    KVMerger: each run of similar neighbouring keys becomes one slot.

    For each KV head, with the attention a that its keys received, summed over queries and averaged over query heads:
        1. protected = the last `recent` of the slots and the newest; of the others the `top` with the largest a
        2. S = a maximal run of slots, none protected, with cos(k_i, k_{i-1}) > eps
        3. p = the slot of S with the largest a
        4. w_i = g_i / sum g, g_i = exp(-|k_p - k_i|^2 / 2 sigma^2); the merged key and value are the sums of w_i k_i and w_i v_i

    A merged slot has to count for the n tokens it stands for, and `values` says how. `count` adds ln n to its logit; since
    exp(s + ln n) = n exp(s), that is what n equal slots do, so here the merged slot is written to all n places of its set.
    `paper` multiplies the value by n, which repairs the numerator of attention and not its denominator; `convex` does neither.
    Both write one slot, at the pivot, and hide the others.

    Based on KVMerger (https://arxiv.org/abs/2407.08454). Differs: values and sigma, whose printed formulas do not work (`paper`
    and `sigma=5` are the paper's), and no layer is skipped (the paper leaves the first two and the last alone).

    Parameters
    ----------
    eps : float, default=0.75
        Cosine above which neighbours are merged.
    recent, top : float, default=0.17 and 0.12
        Protected shares of the slots. The paper has 0.17 and 0.12 for a budget of 50 %, 0.08 and 0.02 for 35 %.
    sigma : float, optional
        Width of the Gaussian; by default the mean distance of a head's merged keys to their pivots, over sqrt 2. A tiny one
        blends nothing: the pivot alone is left, the control without which nothing can be said about blending.
    values : str, default="count"
        "count", "convex" or "paper".
    skip_layers : tuple of int, default=()
        Layers that are not merged.
    """

    eps: float = 0.75
    recent: float = 0.17
    top: float = 0.12
    sigma: float | None = None
    values: str = "count"
    skip_layers: tuple[int, ...] = ()

    def __post_init__(self):
        if self.values not in ("count", "convex", "paper"):
            raise ValueError(f"values is {self.values!r}, want 'count', 'convex' or 'paper'")

    def received(self, module, hidden_states, keys, kwargs, block=256):
        """Attention that each key received from all queries of the prompt, (batch, kv_heads, seq_len)."""
        slots = torch.arange(keys.shape[2], device=keys.device)
        queries = rotated(get_prerope_query_states(module, hidden_states), *kwargs["position_embeddings"])
        mass = torch.zeros_like(keys[..., 0], dtype=torch.float32)
        for first in range(0, len(slots), block):
            logits = attention_logits(module, queries[:, :, first : first + block], keys)
            future = slots > slots[first : first + block, None]
            mass += logits.masked_fill(future, -math.inf).softmax(-1).sum(3).mean(2)
        return mass

    def protected(self, mass):
        """Which slots are in no set."""
        seq_len = mass.shape[-1]
        share = lambda x: math.floor(x * seq_len + 1e-6)  # noqa: E731
        first = seq_len - max(1, share(self.recent))
        order = mass[..., :first].argsort(dim=-1, descending=True, stable=True)
        protected = torch.zeros_like(mass, dtype=torch.bool).scatter(-1, order[..., : share(self.top)], True)
        protected[..., first:] = True
        return protected

    def compress(self, module, hidden_states, keys, values, attentions, kwargs):
        if module.layer_idx in self.skip_layers:
            self.keep(module, torch.ones_like(keys[..., 0], dtype=torch.bool))
            return keys, values
        k, v = keys.float(), values.float()

        # 1. Runs: a slot joins the one before it, or begins a run of its own.
        mass = self.received(module, hidden_states, keys, kwargs)
        free = ~self.protected(mass)
        alike = F.cosine_similarity(k[:, :, 1:], k[:, :, :-1], dim=-1).clamp(max=1) > self.eps
        joins = alike & free[..., 1:] & free[..., :-1]
        run = F.pad((~joins).long().cumsum(-1), (1, 0))

        # 2. The pivot of each run, of equal ones the lower slot.
        slots = torch.arange(k.shape[2], device=k.device).expand_as(run)
        largest = mass == over_runs(run, mass, "amax")
        pivot = over_runs(run, slots.masked_fill(~largest, k.shape[2]), "amin")

        # 3. Gaussian weights by distance to the pivot. A run of one has weight 1 and stays as it is.
        distance = (k - k.gather(2, pivot.unsqueeze(-1).expand_as(k))).norm(dim=-1)
        if self.sigma is None:
            merged = (slots != pivot).sum(-1, keepdim=True).clamp(min=1)
            sigma = (distance.sum(-1, keepdim=True) / merged / math.sqrt(2)).clamp(min=1e-6)
        else:
            sigma = self.sigma
        g = torch.exp(-((distance / sigma) ** 2) / 2)
        weight = (g / over_runs(run, g, "sum")).unsqueeze(-1)

        # 4. The blend, at every slot of its run; attention sees all of them or the pivot alone.
        k, v = over_runs(run, weight * k, "sum"), over_runs(run, weight * v, "sum")
        if self.values == "paper":
            v = v * over_runs(run, torch.ones_like(v), "sum")
        self.keep(module, slots == pivot, hide=self.values != "count")
        return k.to(keys), v.to(values)
