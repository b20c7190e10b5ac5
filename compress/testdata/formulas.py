"""Scores of small random heads, from the definitions, in float64.

    python formulas.py > formulas.json         (numpy 2.4.6)

Two KV heads with two query heads each, 20 tokens, head_dim 4. The queries q are
those before RoPE; the keys stand as the cache has them. What is written:

    q           (query heads, tokens, head_dim)   k, v  (kv heads, tokens, head_dim)
    mass        (kv heads, tokens)  attention received from all queries, causal, mean over the group
    window      (kv heads, tokens)  likewise from the last 6 queries
    most        (kv heads, tokens)  the most that one of the last 6 queries of the group pays
    expected    (query heads, tokens)  k.R mu / sqrt d + k^T R Sigma R^T k / 2d, with the queries from token 4 on
    value_norm  (kv heads, tokens)
    scores      (kv heads, tokens) of each method; sinks and window, which go before all others, are null
"""

import json
import math

import numpy as np

KV, GROUP, L, D = 2, 2, 20, 4
W, KERNEL, SINKS, HORIZON, BASE, EPS = 6, 5, 4, 512, 10000.0, 0.01

rng = np.random.default_rng(20261122)
q = rng.normal(size=(KV * GROUP, L, D)) + rng.normal(size=(KV * GROUP, 1, D))
k, v = rng.normal(size=(KV, L, D)) * 1.5, rng.normal(size=(KV, L, D))
q, k, v = (x.astype(np.float32).astype(np.float64) for x in (q, k, v))


def rotation(pos):
    """The matrix that RoPE multiplies a head at a position with; pairs are neighbours."""
    r = np.zeros((D, D))
    for i in range(D // 2):
        a = pos * BASE ** (-2 * i / D)
        r[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]
    return r


# Attention, query after query.
paid = np.zeros((KV * GROUP, L, L))  # query head, query, key
for a in range(KV * GROUP):
    for t in range(L):
        s = [k[a // GROUP, j] @ rotation(t) @ q[a, t] / math.sqrt(D) for j in range(t + 1)]
        e = np.exp(np.array(s) - max(s))
        paid[a, t, : t + 1] = e / e.sum()
by_group = paid.reshape(KV, GROUP, L, L)
mass = by_group.sum(2).mean(1)
window = by_group[:, :, L - W :].sum(2).mean(1)
most = by_group[:, :, L - W :].max((1, 2))

# What queries like those behind the sinks would give, from the positions ahead.
ahead = sum(rotation(p) for p in range(L, L + HORIZON)) / HORIZON
expected = np.zeros((KV * GROUP, L))
for a in range(KV * GROUP):
    mu = ahead @ q[a, SINKS:].mean(0)
    sigma = ahead @ np.cov(q[a, SINKS:].T, bias=True) @ ahead.T
    for j in range(L):
        key = k[a // GROUP, j]
        expected[a, j] = key @ mu / math.sqrt(D) + key @ sigma @ key / (2 * D)
value_norm = np.linalg.norm(v, axis=-1)


def snapkv(h):
    scores = [None] * L
    for j in range(L - W):
        near = [window[h, i] / W for i in range(j - KERNEL // 2, j + KERNEL // 2 + 1) if 0 <= i < L - W]
        scores[j] = sum(near) / KERNEL
    return scores


def expected_attention(h):
    share = np.zeros(L - SINKS)
    for a in range(h * GROUP, (h + 1) * GROUP):
        e = np.exp(expected[a, SINKS:])
        share += e / e.sum() / GROUP
    return [None] * SINKS + list((share + EPS) * value_norm[h, SINKS:])


def observed(h):
    return [mass[h, j] / (L - j) for j in range(L)]


def tidy(x):
    if isinstance(x, (list, tuple, np.ndarray)):
        return [tidy(y) for y in x]
    return None if x is None else float(f"{float(x):.9g}")


names = {"snapkv": snapkv, "expected": expected_attention, "observed": observed}
out = {
    "tokens": L, "window_size": W, "eps": EPS, "horizon": HORIZON, "rope_base": BASE,
    "q": q, "k": k, "v": v, "mass": mass, "window": window, "most": most,
    "expected": expected, "value_norm": value_norm,
    "scores": {name: [f(h) for h in range(KV)] for name, f in names.items()},
}
print("{" + ",\n ".join(f"{json.dumps(key)}: {json.dumps(x if isinstance(x, (int, float)) else {n: tidy(y) for n, y in x.items()} if isinstance(x, dict) else tidy(x))}" for key, x in out.items()) + "}")
