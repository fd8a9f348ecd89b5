"""Matrices rounded to NF4 by their inputs, for Tests/MotetTensorTests.

    python Tests/Fixtures/nf4_calibrated.py    # writes Tests/Fixtures/nf4/calibrated.safetensors

Needs torch, safetensors and bitsandbytes (for its maps alone). The reference is GPTQ as its paper writes it (Frantar et
al. 2022, arXiv 2210.17323, §3.3 with the columns of the largest inputs first), in f64, by the Cholesky factor of the
inverse moment: Motet's loop takes the factor of the moment itself. Coordinate descent follows (Behdin et al. 2023, arXiv
2309.01885). Rows of 100 values begin and end within blocks. "fine" has five bits a value, of which the upper four are
NF4's: two values for each of the 16, the middles of what is nearer to it than to its neighbours below it and above it.
"""

import pathlib

import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

code = F.get_4bit_type("nf4", device="cpu").double()
middles = (code[1:] + code[:-1]) / 2
beyond = torch.stack([2 * code[0] - middles[0], 2 * code[-1] - middles[-1]])
below, above = torch.cat([beyond[:1], middles]), torch.cat([middles, beyond[1:]])
fine = torch.stack([(code + below) / 2, (code + above) / 2], dim=1).flatten()
map = F.create_dynamic_map().double()


def nearest(x, code):
    return torch.bucketize(x, (code[1:] + code[:-1]) / 2)


def search(weights, importance, code):
    """For each 64 values the scale of least weighted error among some shares of the largest."""
    shares = [0.66 + 0.01 * s for s in range(37)] if len(code) == 32 else [0.70 + 0.02 * s for s in range(19)]
    flat = weights.flatten()
    counts = importance.expand(weights.shape).flatten()
    scales = []
    for x, c in zip(flat.split(64), counts.split(64)):
        tried = [x.abs().max() * share for share in shares]
        errors = [(c * (x - code[nearest(x / s, code)] * s) ** 2).sum() for s in tried]
        scales.append(tried[int(torch.stack(errors).argmin())])
    return torch.stack(scales)


def nested(scales):
    mean = scales.mean().float().double()
    codes, largest = [], []
    for part in (scales - mean).split(256):
        most = part.abs().max()
        codes.append((part[:, None] / most - map).abs().argmin(dim=1))
        largest.append(most)
    codes, largest = torch.cat(codes), torch.stack(largest)
    values = map[codes] * largest.repeat_interleave(256)[: len(codes)] + mean
    return codes.to(torch.uint8), largest.float(), mean.float(), values


def gptq(weights, moment, scales, code):
    n = weights.shape[1]
    damped = moment + torch.eye(n, dtype=torch.float64) * 0.01 * moment.diagonal().mean()
    order = torch.argsort(moment.diagonal(), descending=True)
    inverse = torch.linalg.inv(damped[order][:, order])
    upper = torch.linalg.cholesky(inverse, upper=True)
    w = weights[:, order].clone()
    places = (torch.arange(weights.numel()).reshape(weights.shape) // 64)[:, order]
    codes = torch.zeros(w.shape, dtype=torch.uint8)
    for column in range(n):
        scale = scales[places[:, column]]
        chosen = nearest(w[:, column] / scale, code)
        error = (w[:, column] - code[chosen] * scale) / upper[column, column]
        w[:, column:] -= error[:, None] * upper[column, column:]
        codes[:, column] = chosen.to(torch.uint8)
    return codes[:, torch.argsort(order)]


def refine(weights, moment, scales, codes, code, sweeps=3):
    """Coordinate descent: each code in turn takes the value of least error with the others as they are."""
    n = weights.shape[1]
    damped = moment + torch.eye(n, dtype=torch.float64) * 0.01 * moment.diagonal().mean()
    scale = scales.repeat_interleave(64)[: weights.numel()].reshape(weights.shape)
    codes = codes.long()
    for _ in range(sweeps):
        for column in range(n):
            errors = weights - code[codes] * scale
            best = code[codes[:, column]] * scale[:, column] + errors @ damped[column] / damped[column, column]
            codes[:, column] = nearest(best / scale[:, column], code)
    return codes.to(torch.uint8)


tensors = {}
torch.manual_seed(6)
for name, shape in [("even", (40, 128)), ("ragged", (23, 100))]:
    weights = (torch.randn(shape) * 0.05).float()
    # A few inputs are large, and all have something in common, as those of a transformer do.
    inputs = torch.randn(400, shape[1]) + torch.randn(400, 4) @ torch.randn(4, shape[1])
    inputs[:, :3] *= 6
    moment = (inputs.T @ inputs).float()
    def spread(values):
        return values.repeat_interleave(64)[: weights.numel()].reshape(shape)
    absmax = torch.stack([x.abs().max() for x in weights.double().flatten().split(64)])
    plain = code[nearest(weights.double() / spread(absmax), code)] * spread(absmax)
    tensors |= {f"{name}.weights": weights, f"{name}.moment": moment}
    for label, levels in [("", code), ("fine_", fine)]:
        scales = search(weights.double(), moment.double().diagonal(), levels)
        codes, largest, mean, values = nested(scales)
        first = gptq(weights.double(), moment.double(), values, levels)
        rounded = refine(weights.double(), moment.double(), values, first, levels)
        for kind, q in [("plain", plain), (label + "gptq", levels[first.long()] * spread(values)),
                        (label + "calibrated", levels[rounded.long()] * spread(values))]:
            e = weights.double() - q
            print(name, kind, float(((e @ moment.double()) * e).sum()))
        tensors |= {
            f"{name}.{label}codes": rounded.contiguous(), f"{name}.{label}scale_codes": codes,
            f"{name}.{label}largest": largest, f"{name}.{label}mean": mean[None],
        }
tensors["fine_code"] = fine.float()
save_file(tensors, pathlib.Path(__file__).parent / "nf4" / "calibrated.safetensors")
