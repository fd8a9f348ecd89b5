"""Values and gradients of Motet's operators as PyTorch computes them (f64), for Tests/MotetTensorTests.

    python Tests/Fixtures/operators.py          # writes Tests/Fixtures/operators/operators.json

Needs torch. Inputs are drawn from one seeded generator and rounded to 1/64, so that both sides start equal.
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
generator = torch.Generator().manual_seed(20)


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


def rms_norm():
    x, weight = draw(5, 40, scale=2.0), draw(40)
    y = F.rms_norm(x, (40,), weight, eps=1e-5)
    dy, (dx,) = backward(y, x)
    return {"rows": 5, "columns": 40, "epsilon": 1e-5, "x": flat(x), "weight": flat(weight), "y": flat(y),
            "dy": flat(dy), "dx": flat(dx)}


def swiglu():
    x = draw(6, 2 * 19, scale=3.0)
    y = F.silu(x[:, :19]) * x[:, 19:]
    dy, (dx,) = backward(y, x)
    return {"rows": 6, "width": 19, "x": flat(x), "y": flat(y), "dy": flat(dy), "dx": flat(dx)}


def rotate(x, cosines, sines):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosines - b * sines, b * cosines + a * sines], dim=-1)


def attention(heads, kv_heads, dimension, lengths, theta=10000.0):
    tokens, width = sum(lengths), (heads + 2 * kv_heads) * dimension
    x = draw(tokens, width)
    frequencies = 1.0 / theta ** (torch.arange(0, dimension, 2).double() / dimension)
    outputs, start = [], 0
    for length in lengths:
        rows = x[start:start + length]
        q, k, v = rows.split([heads * dimension, kv_heads * dimension, kv_heads * dimension], dim=1)
        angles = torch.outer(torch.arange(length).double(), frequencies)
        cosines, sines = angles.cos(), angles.sin()
        q = rotate(q.view(length, heads, dimension).transpose(0, 1), cosines, sines)
        k = rotate(k.view(length, kv_heads, dimension).transpose(0, 1), cosines, sines)
        v = v.view(length, kv_heads, dimension).transpose(0, 1)
        out = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True, enable_gqa=True)[0]
        outputs.append(out.transpose(0, 1).reshape(length, heads * dimension))
        start += length
    y = torch.cat(outputs)
    dy, (dx,) = backward(y, x)
    return {"heads": heads, "kvHeads": kv_heads, "dimension": dimension, "lengths": lengths, "theta": theta,
            "x": flat(x), "y": flat(y), "dy": flat(dy), "dx": flat(dx)}


def adapted_linear():
    rows, inputs, outputs = 9, 20, 24
    x, weight, residual = draw(rows, inputs), draw(outputs, inputs), draw(rows, outputs)
    terms = [dict(rows=[0, 4], columns=[0, 24], rank=4, scale=2.0),
             dict(rows=[0, 4], columns=[8, 16], rank=3, scale=-0.5),
             dict(rows=[4, 9], columns=[16, 24], rank=1, scale=0.75)]
    for term in terms:
        term["a"] = draw(term["rank"], inputs)
        term["b"] = draw(term["columns"][1] - term["columns"][0], term["rank"])
    y = residual + x @ weight.T
    for term in terms:
        delta = torch.zeros_like(y)
        delta[term["rows"][0]:term["rows"][1], term["columns"][0]:term["columns"][1]] = (
            term["scale"] * (x[slice(*term["rows"])] @ term["a"].T) @ term["b"].T)
        y = y + delta
    leaves = [leaf for term in terms for leaf in (term["a"], term["b"])]
    dy, (dx, dresidual, *gradients) = backward(y, x, residual, *leaves)
    for i, term in enumerate(terms):
        term["da"], term["db"] = flat(gradients[2 * i]), flat(gradients[2 * i + 1])
        term["a"], term["b"] = flat(term["a"]), flat(term["b"])
    return {"rows": rows, "inputs": inputs, "outputs": outputs, "x": flat(x), "weight": flat(weight),
            "residual": flat(residual), "terms": terms, "y": flat(y), "dy": flat(dy), "dx": flat(dx),
            "dresidual": flat(dresidual)}


def head_loss():
    rows, hidden, vocabulary = 7, 12, 50
    h, head = draw(rows, hidden), draw(vocabulary, hidden)
    targets = torch.randint(vocabulary, (rows,), generator=generator)
    scales = normal(rows)
    losses = F.cross_entropy(h @ head.T, targets, reduction="none")
    (dh,) = torch.autograd.grad((losses * scales).sum(), h)
    return {"rows": rows, "hidden": hidden, "vocabulary": vocabulary, "h": flat(h), "head": flat(head),
            "targets": targets.tolist(), "scales": flat(scales), "losses": flat(losses), "dh": flat(dh)}


def gather():
    x, rows = draw(5, 6), [4, 0, 0, 2]
    y = x[rows]
    dy, (dx,) = backward(y, x)
    return {"height": 5, "columns": 6, "chosen": rows, "x": flat(x), "y": flat(y), "dy": flat(dy), "dx": flat(dx)}


def adamw():
    settings = dict(lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    values = torch.nn.Parameter(draw(50).detach())
    optimizer = torch.optim.AdamW([values], **settings)
    start, gradients, after = flat(values), [], []
    for _ in range(5):
        gradient = draw(50, scale=0.3).detach()
        values.grad = gradient.clone()
        optimizer.step()
        gradients.append(flat(gradient))
        after.append(flat(values))
    return {"learningRate": settings["lr"], "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weightDecay": 0.1,
            "start": start, "gradients": gradients, "after": after}


def bf16():
    """Bit patterns of f32 values and of their bf16 rounding: ties, denormals, infinities, overflow, and others."""
    bits = [0x00000000, 0x80000000, 0x3F800000, 0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0x00000001,
            0x00008000, 0x00018000, 0x007FFFFF, 0x80008001, 0x7F800000, 0xFF800000, 0x7F7FFFFF, 0xFF7F8000,
            0x7F7F7FFF, 0x33333333, 0xC2F6E979]
    bits += torch.randint(0, 0x7F800000, (60,), generator=generator).tolist()
    x = torch.tensor([b - (1 << 32) if b >= 1 << 31 else b for b in bits], dtype=torch.int32).view(torch.float32)
    rounded = x.to(torch.bfloat16).view(torch.int16).tolist()
    return {"bits": bits, "rounded": [r & 0xFFFF for r in rounded]}


def scaled_columns():
    """Rows 0-3 with factors for columns 2-6 and 8-12, rows 5-8 for all; rows 4 and 9 as they are."""
    rows, columns = 10, 12
    x, residual = draw(rows, columns, scale=2.0), draw(rows, columns)
    scalings = [dict(rows=[0, 4], columns=[2, 7]), dict(rows=[0, 4], columns=[8, 12]), dict(rows=[5, 9], columns=[0, 12])]
    factors = torch.ones(rows, columns, dtype=torch.double)
    for scaling in scalings:
        scaling["c"] = draw(scaling["columns"][1] - scaling["columns"][0])
        part = torch.zeros_like(factors)
        part[slice(*scaling["rows"]), slice(*scaling["columns"])] = 1
        wide = F.pad(scaling["c"], (scaling["columns"][0], columns - scaling["columns"][1]))
        factors = factors + part * (wide - 1)
    y = factors * x + residual
    dy, (dx, dresidual, *dc) = backward(y, x, residual, *[s["c"] for s in scalings])
    for scaling, gradient in zip(scalings, dc):
        scaling["c"], scaling["dc"] = flat(scaling["c"]), flat(gradient)
    return {"rows": rows, "columns": columns, "x": flat(x), "residual": flat(residual), "scalings": scalings,
            "y": flat(y), "dy": flat(dy), "dx": flat(dx), "dresidual": flat(dresidual)}


def experts():
    """Two of three experts a token, on rows 1-6 and columns 2-9; Switch's balance, its router's gradient apart."""
    rows, inputs, outputs, count, rank, top, scale = 8, 10, 12, 3, 2, 2, 0.5
    first, last, left, right = 1, 7, 2, 10
    x, y0 = draw(rows, inputs), draw(rows, outputs)
    router, a, b = draw(count, inputs), draw(count, rank, inputs), draw(count, right - left, rank)
    xs = x[first:last]
    logits = xs @ router.T
    best = logits.topk(top, dim=1)
    gates = torch.zeros_like(logits).scatter(1, best.indices, best.values.softmax(1))
    each = torch.einsum("ti,eri,eor->teo", xs, a, b)
    delta = torch.zeros(rows, outputs, dtype=torch.double)
    delta[first:last, left:right] = scale * (gates[:, :, None] * each).sum(1)
    y = y0 + delta
    dy, (dx, dy0, drouter, da, db) = backward(y, x, y0, router, a, b)
    chosen = torch.zeros_like(logits).scatter(1, best.indices, 1.0)
    share = chosen.sum(0) / (chosen.shape[0] * top)
    balance = count * (share.detach() * (xs.detach() @ router.T).softmax(1).mean(0)).sum()
    (dbalance,) = torch.autograd.grad(balance, router)
    return {"rows": rows, "inputs": inputs, "outputs": outputs, "experts": count, "rank": rank, "top": top,
            "scale": scale, "run": [first, last], "columns": [left, right], "x": flat(x), "base": flat(y0),
            "router": flat(router), "a": flat(a), "b": flat(b), "y": flat(y), "dy": flat(dy), "dx": flat(dx),
            "drouter": flat(drouter), "da": flat(da), "db": flat(db), "load": chosen.sum(0).tolist(),
            "balance": balance.item(), "dbalance": flat(dbalance)}


fixture = {
    "rmsNorm": rms_norm(),
    "swiglu": swiglu(),
    "attention": [attention(4, 2, 16, [1, 7, 35]), attention(3, 1, 8, [2, 3]), attention(2, 2, 24, [5, 1])],
    "adaptedLinear": adapted_linear(),
    "headLoss": head_loss(),
    "gather": gather(),
    "adamW": adamw(),
    "bf16": bf16(),
    "scaledColumns": scaled_columns(),
    "experts": experts(),
}
target = pathlib.Path(__file__).parent / "operators" / "operators.json"
target.parent.mkdir(exist_ok=True)
target.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
print(target, target.stat().st_size, "bytes")
