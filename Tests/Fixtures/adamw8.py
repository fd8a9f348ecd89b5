"""The dynamic maps of bitsandbytes and three steps of AdamW with 8-bit moments, for Tests/MotetTrainingTests.

    python Tests/Fixtures/adamw8.py          # writes Tests/Fixtures/adamw8/adamw8.json

Needs bitsandbytes (0.50.2 made the file), torch, numpy. The maps come from bitsandbytes.functional.create_dynamic_map.
The steps follow Dettmers et al. 2021 (arXiv 2110.02861, section 2.2) in plain numpy: blocks of 256, each value given
the nearest of the map by comparing it with all, and torch.optim.AdamW's order of operations; v above 0 is never given 0.
"""

import json
import pathlib

import numpy as np
from bitsandbytes.functional import create_dynamic_map

BLOCK, COUNT, STEPS = 256, 600, 3
RATE, BETA1, BETA2, EPSILON, DECAY = 1e-2, 0.9, 0.999, 1e-8, 0.01
signed, unsigned = (create_dynamic_map(signed=s).numpy().astype(np.float64) for s in (True, False))


def quantize(x, values, keep_positive):
    codes, scales = np.zeros(len(x), dtype=int), []
    for first in range(0, len(x), BLOCK):
        part = x[first : first + BLOCK]
        scale = np.abs(part).max()
        near = np.abs(part[:, None] / scale - values[None]).argmin(axis=1)
        if keep_positive:
            near = np.where((near == 0) & (part > 0), 1, near)
        codes[first : first + BLOCK] = near
        scales.append(scale)
    return codes, np.array(scales)


def dequantize(codes, scales, values):
    return values[codes] * np.repeat(scales, BLOCK)[: len(codes)]


generator = np.random.default_rng(8)
rounded = lambda x: np.array([float(f"{v:.6g}") for v in x])
start = rounded(generator.normal(size=COUNT))
# Magnitudes over six decades, so that all of the map is used.
gradients = [rounded(generator.normal(size=COUNT) * 10 ** generator.uniform(-6, 0, COUNT)) for _ in range(STEPS)]
theta, m, v = start.copy(), np.zeros(COUNT), np.zeros(COUNT)
for step, g in enumerate(gradients, 1):
    m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g * g
    theta = theta * (1 - RATE * DECAY)
    theta -= RATE * (m / (1 - BETA1**step)) / (np.sqrt(v / (1 - BETA2**step)) + EPSILON)
    m_codes, m_scales = quantize(m, signed, False)
    v_codes, v_scales = quantize(v, unsigned, True)
    m, v = dequantize(m_codes, m_scales, signed), dequantize(v_codes, v_scales, unsigned)

folder = pathlib.Path(__file__).parent / "adamw8"
folder.mkdir(exist_ok=True)
short = lambda x: [float(f"{v:.9g}") for v in x]
json.dump(
    {
        "signed": short(signed), "unsigned": short(unsigned), "start": short(start),
        "gradients": [short(g) for g in gradients], "end": short(theta),
        "mean": m_codes.tolist(), "square": v_codes.tolist(),
    },
    open(folder / "adamw8.json", "w"))
