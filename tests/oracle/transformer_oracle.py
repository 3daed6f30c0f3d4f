"""The causal Transformer of docs/math/transformer.md in plain PyTorch, from its equations: what `--model transformer` is
compared with. problems.Problem finds it by the configuration's model. Must not know: the C code's structure."""

import math

import torch

EPSILON = 1e-5


def parameter_shapes(config, shape):
    """The table of tensors: shape by name, in order."""
    H, I, O = config["hidden"], shape["I"], shape["O"]
    table = {"embedding": (I, H)}
    if shape["input"] == "values":
        table["embedding_bias"] = (H,)
    if config["positions"] == "learned":
        table["positions"] = (config["context"], H)
    for layer in range(config["layers"]):
        table.update({f"layers.{layer}.{name}": size for name, size in {
            "self_attn.in_proj_weight": (3 * H, H), "self_attn.in_proj_bias": (3 * H,),
            "self_attn.out_proj.weight": (H, H), "self_attn.out_proj.bias": (H,),
            "linear1.weight": (4 * H, H), "linear1.bias": (4 * H,), "linear2.weight": (H, 4 * H), "linear2.bias": (H,),
            "norm1.weight": (H,), "norm1.bias": (H,), "norm2.weight": (H,), "norm2.bias": (H,)}.items()})
    table.update({"norm.weight": (H,), "norm.bias": (H,)})
    if config.get("readout", True):
        table.update({"V1": (H, O), "b": (O,)})
    return table


def norm(x, gain, bias):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / torch.sqrt((centred ** 2).mean(-1, keepdim=True) + EPSILON) + bias


def gelu(x):
    return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def sinusoids(T, H, like):
    """[T,H]: sin and cos of t / 10000^(2i/H) in columns 2i and 2i+1."""
    table = [[(math.cos if k % 2 else math.sin)(t / 10000 ** (2 * (k // 2) / H)) for k in range(H)] for t in range(T)]
    return torch.tensor(table, dtype=like.dtype)


def attention(config, q, k, v, error=None):
    """Causal attention of all heads; q, k, v [T,B,H]."""
    T, n = q.shape[0], config["heads"]
    D = q.shape[2] // n
    out = []
    for head in range(n):
        part = slice(head * D, (head + 1) * D)
        e = torch.einsum("tbd,sbd->bts", q[..., part], k[..., part]) / math.sqrt(D)
        if error is not None:
            size = torch.einsum("tbd,sbd->bts", q[..., part].abs(), k[..., part].abs()) / math.sqrt(D)
            e = e + error(size.detach())
        future = torch.ones(T, T, dtype=torch.bool).triu(1)
        alpha = torch.softmax(e.masked_fill(future, -math.inf), dim=2)
        out.append(torch.einsum("bts,sbd->tbd", alpha, v[..., part]))
    return torch.cat(out, dim=2)


def forward(config, shape, parameters, x, error=None):
    """outputs [T,B,O]; error(size), if given, is added to each score."""
    p = parameters
    T, H = x.shape[0], config["hidden"]
    h = p["embedding"][x] if shape["input"] == "ids" else x @ p["embedding"] + p["embedding_bias"]
    h = h + (p["positions"][:T] if config["positions"] == "learned" else sinusoids(T, H, h)).unsqueeze(1)
    for layer in range(config["layers"]):
        def w(name):
            return p[f"layers.{layer}.{name}"]

        a = norm(h, w("norm1.weight"), w("norm1.bias"))
        q, k, v = (a @ w("self_attn.in_proj_weight").t() + w("self_attn.in_proj_bias")).chunk(3, dim=2)
        h = h + attention(config, q, k, v, error) @ w("self_attn.out_proj.weight").t() + w("self_attn.out_proj.bias")
        a = norm(h, w("norm2.weight"), w("norm2.bias"))
        f = gelu(a @ w("linear1.weight").t() + w("linear1.bias"))
        h = h + f @ w("linear2.weight").t() + w("linear2.bias")
    h = norm(h, p["norm.weight"], p["norm.bias"])
    return h @ p["V1"] + p["b"] if config.get("readout", True) else h
