"""Values and gradients of the operators that families beyond Llama need, as PyTorch computes them (f64), for
Tests/MotetTensorTests. Which keys a query sees is what transformers' mask functions say.

    python Tests/Fixtures/family_operators.py   # writes Tests/Fixtures/operators/families.json

Needs torch and transformers. Inputs are drawn from one seeded generator and rounded to 1/64, so that both sides start
equal.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F
from transformers import activations, masking_utils

torch.set_num_threads(1)
generator = torch.Generator().manual_seed(21)


def normal(*shape, scale=1.0):
    return (torch.randn(*shape, generator=generator) * scale * 64).round().double() / 64


def draw(*shape, scale=1.0):
    return normal(*shape, scale=scale).requires_grad_()


def flat(tensor):
    return [float(f"{value:.8g}") for value in tensor.detach().flatten().tolist()]


def backward(y, *inputs):
    """A random dy, and what it makes of the inputs' gradients."""
    dy = normal(*y.shape)
    return dy, torch.autograd.grad(y, inputs, dy)


def visible(length, causal, window):
    """The keys that each query sees, [query, key]. ModernBERT's and EmbeddingGemma's windows count both sides."""
    if causal:
        sees = masking_utils.causal_mask_function if window is None else (
            masking_utils.sliding_window_causal_mask_function(window))
    else:
        sees = masking_utils.bidirectional_mask_function if window is None else (
            masking_utils.sliding_window_bidirectional_mask_function(window // 2))
    return torch.tensor(
        [[bool(sees(0, 0, torch.tensor(q), torch.tensor(k))) for k in range(length)] for q in range(length)])


def rotate(x, cosines, sines, rotated):
    turned, rest = x[..., :rotated], x[..., rotated:]
    a, b = turned.chunk(2, dim=-1)
    return torch.cat([a * cosines - b * sines, b * cosines + a * sines, rest], dim=-1)


def attention(name, heads, kv_heads, dimension, lengths, causal=True, window=None, scale=None, softcap=None,
              rotated=None, factor=1.0, spread=1.0):
    tokens, width = sum(lengths), (heads + 2 * kv_heads) * dimension
    rotated = dimension if rotated is None else rotated
    x = draw(tokens, width, scale=spread)
    frequencies = normal(rotated // 2, scale=0.5).abs()
    outputs, start = [], 0
    for length in lengths:
        rows = x[start:start + length]
        q, k, v = rows.split([heads * dimension, kv_heads * dimension, kv_heads * dimension], dim=1)
        angles = torch.outer(torch.arange(length).double(), frequencies)
        cosines, sines = angles.cos() * factor, angles.sin() * factor
        q = rotate(q.view(length, heads, dimension).transpose(0, 1), cosines, sines, rotated)
        k = rotate(k.view(length, kv_heads, dimension).transpose(0, 1), cosines, sines, rotated)
        v = v.view(length, kv_heads, dimension).transpose(0, 1)
        k, v = (t.repeat_interleave(heads // kv_heads, dim=0) for t in (k, v))
        scores = q @ k.transpose(1, 2) * (dimension ** -0.5 if scale is None else scale)
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        scores = scores.masked_fill(~visible(length, causal, window), -torch.inf)
        outputs.append((scores.softmax(-1) @ v).transpose(0, 1).reshape(length, heads * dimension))
        start += length
    y = torch.cat(outputs)
    dy, (dx,) = backward(y, x)
    return {"name": name, "heads": heads, "kvHeads": kv_heads, "dimension": dimension, "lengths": lengths,
            "isCausal": causal, "window": window, "scale": scale, "softcap": softcap, "rotated": rotated,
            "factor": factor, "frequencies": flat(frequencies), "x": flat(x), "y": flat(y), "dy": flat(dy),
            "dx": flat(dx)}


def layer_norm(has_bias):
    x, weight, bias = draw(5, 21, scale=2.0), draw(21), draw(21)
    y = F.layer_norm(x + 3, (21,), weight, bias if has_bias else None, eps=1e-5)
    dy, gradients = backward(y, x, weight, *([bias] if has_bias else []))
    return {"rows": 5, "columns": 21, "epsilon": 1e-5, "x": flat(x + 3), "weight": flat(weight),
            "bias": flat(bias) if has_bias else None, "y": flat(y), "dy": flat(dy), "dx": flat(gradients[0]),
            "dweight": flat(gradients[1]), "dbias": flat(gradients[2]) if has_bias else None}


def norm_groups(columns, norms):
    """Norms are (first column, end, width of a group)."""
    x = draw(6, columns, scale=2.0)
    weights = [draw(width) for _, _, width in norms]
    parts, end = [], 0
    for (first, last, width), weight in zip(norms, weights):
        parts += [x[:, end:first], F.rms_norm(x[:, first:last].view(6, -1, width), (width,), weight, 1e-6).flatten(1)]
        end = last
    y = torch.cat(parts + [x[:, end:]], dim=1)
    dy, (dx, *dweights) = backward(y, x, *weights)
    return {"rows": 6, "columns": columns, "epsilon": 1e-6, "x": flat(x), "y": flat(y), "dy": flat(dy), "dx": flat(dx),
            "norms": [{"columns": [first, last], "weight": flat(weight), "dweight": flat(gradient)}
                      for (first, last, _), weight, gradient in zip(norms, weights, dweights)]}


def activation(name, function):
    x = draw(3, 2 * 13, scale=3.0)
    y, gated = function(x), function(x[:, :13]) * x[:, 13:]
    dy, (dx,) = backward(y, x)
    dgated, (dgate_up,) = backward(gated, x)
    return {"name": name, "rows": 3, "width": 13, "x": flat(x), "y": flat(y), "dy": flat(dy), "dx": flat(dx),
            "gated": flat(gated), "dgated": flat(dgated), "dgateUp": flat(dgate_up)}


def tails():
    """The three forms of GELU far out, where Φ and σ are nearly 0 or 1."""
    x = torch.cat([torch.linspace(-16, 16, 97), torch.tensor([-1e30, 1e30, -40.0, 40.0, -0.0, 1e-20])]).double()
    return {"x": flat(x), "gelu": flat(F.gelu(x)), "geluTanh": flat(F.gelu(x, approximate="tanh"))}


def bias():
    x, weight, b = draw(4, 6), draw(10, 6), draw(10)
    y = F.linear(x, weight, b)
    dy, (db,) = backward(y, b)
    return {"rows": 4, "columns": 10, "product": flat(x @ weight.T), "bias": flat(b), "y": flat(y), "dy": flat(dy),
            "db": flat(db)}


def embedding():
    tokens, types = [3, 0, 7, 3, 3], [0, 0, 1, 1, 0]
    table, positions, kinds = draw(9, 6), draw(5, 6), draw(2, 6)
    scale = float(torch.tensor(math.sqrt(640), dtype=torch.bfloat16))
    y = F.embedding(torch.tensor(tokens), table) * scale + positions + F.embedding(torch.tensor(types), kinds)
    dy, (dtable, dpositions, dkinds) = backward(y, table, positions, kinds)
    return {"hidden": 6, "tokens": tokens, "types": types, "scale": scale, "table": flat(table),
            "positions": flat(positions), "kinds": flat(kinds), "y": flat(y), "dy": flat(dy), "dtable": flat(dtable),
            "dpositions": flat(dpositions), "dkinds": flat(dkinds)}


def capped(z, cap):
    return z if cap is None else cap * torch.tanh(z / cap)


def head_loss(softcap, has_bias):
    """The last rows learn from a teacher too, whose logits have a softcap of their own."""
    rows, hidden, vocabulary, taught, temperature, weight = 7, 8, 30, 3, 2.5, 0.4
    h, head, b = draw(rows, hidden), draw(vocabulary, hidden), draw(vocabulary)
    states, teacher = draw(taught, hidden), draw(vocabulary, hidden)
    targets = torch.randint(vocabulary, (rows,), generator=generator)
    scales = normal(rows)
    logits = capped(h @ head.T + (b if has_bias else 0), softcap)
    hard = F.cross_entropy(logits, targets, reduction="none")
    (dh, dhead, *db) = torch.autograd.grad(
        (hard * scales).sum(), [h, head] + ([b] if has_bias else []), retain_graph=True)
    soft = F.kl_div(
        F.log_softmax(logits[-taught:] / temperature, -1),
        F.log_softmax(capped(states @ teacher.T, 4.0).detach() / temperature, -1), reduction="none", log_target=True)
    losses = hard.clone()
    losses[-taught:] = (1 - weight) * hard[-taught:] + weight * temperature ** 2 * soft.sum(-1)
    (dtaught,) = torch.autograd.grad((losses * scales).sum(), h)
    return {"rows": rows, "hidden": hidden, "vocabulary": vocabulary, "softcap": softcap, "h": flat(h),
            "head": flat(head), "bias": flat(b) if has_bias else None, "targets": targets.tolist(),
            "scales": flat(scales), "logits": flat(logits), "losses": flat(hard), "dh": flat(dh), "dhead": flat(dhead),
            "dbias": flat(db[0]) if has_bias else None, "taught": taught, "temperature": temperature, "weight": weight,
            "teacherSoftcap": 4.0, "states": flat(states), "teacher": flat(teacher), "taughtLosses": flat(losses),
            "dtaught": flat(dtaught)}


fixture = {
    "attention": [
        attention("Gemma 2", 2, 1, 8, [1, 34], window=6, scale=0.2, softcap=3.0, spread=2.0),
        attention("Gemma 3", 4, 1, 8, [12, 3], window=5, scale=0.5),
        attention("BERT", 3, 3, 4, [1, 7, 12], causal=False, rotated=0),
        attention("ModernBERT", 2, 2, 8, [5, 20], causal=False, window=8),
        attention("NeoX", 2, 2, 10, [9, 4], rotated=4),
        attention("YaRN", 3, 1, 10, [11], factor=1.25),
        attention("a softcap on both sides", 2, 1, 6, [9], causal=False, window=7, softcap=1.5, rotated=2, spread=2.0),
    ],
    "layerNorm": [layer_norm(True), layer_norm(False)],
    # Of each head (Qwen 3), and of all queries and all keys (OLMo 2).
    "normGroups": [norm_groups(34, [(0, 16, 4), (18, 26, 4)]), norm_groups(32, [(0, 16, 16), (16, 24, 8)])],
    "activations": [
        activation("silu", F.silu), activation("gelu", F.gelu),
        activation("geluTanh", lambda x: F.gelu(x, approximate="tanh")),
        activation("quickGelu", activations.ACT2FN["quick_gelu"]), activation("relu", F.relu),
        activation("tanh", torch.tanh),
    ],
    "tails": tails(),
    "bias": bias(),
    "embedding": embedding(),
    "headLoss": [head_loss(3.0, False), head_loss(None, True), head_loss(2.0, True)],
}
target = pathlib.Path(__file__).parent / "operators" / "families.json"
target.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
print(target, target.stat().st_size, "bytes")
