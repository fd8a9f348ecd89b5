"""Makes merge/merge.json: adapters and what PEFT 0.21 merges them into.

Run with torch, transformers and peft installed:  python Tests/Fixtures/merge.py
The model is three linear layers of tiny, unlike shapes; the adapters have random factors.
"""

import json
import math
import pathlib

import torch
from peft import LoraConfig, get_peft_model

torch.set_num_threads(1)
torch.manual_seed(7)
OUT = pathlib.Path(__file__).parent / "merge" / "merge.json"


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.up = torch.nn.Linear(10, 24, bias=False)
        self.square = torch.nn.Linear(12, 12, bias=False)
        self.down = torch.nn.Linear(20, 9, bias=False)

    def forward(self, x):
        return x


def config(rank, alpha, modules, rslora=False):
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules=modules, use_rslora=rslora)


ADAPTERS = {
    "a": config(4, 8, ["up", "square", "down"]),
    "b": config(4, 4, ["up", "down"]),
    "c": config(2, 6, ["up", "square"], rslora=True),
    # As wide as the matrices: the factors side by side have more columns than the matrix has rows.
    "wide": config(8, 8, ["up", "square", "down"]),
}
MERGES = [
    ("linear", ["a", "b"], [0.7, 0.4], None),
    ("linear", ["a", "b"], [1.0, -0.5], None),
    ("cat", ["a", "b", "c"], [0.5, 0.3, -0.2], None),
    ("svd", ["a", "b", "c"], [0.5, 0.3, -0.2], 3),
    ("svd", ["a", "b"], [1.0, 1.0], None),
    ("svd", ["a", "wide"], [1.0, 0.5], 6),
    ("svd", ["a", "a"], [0.5, 0.5], 4),
]

model = get_peft_model(Tiny(), ADAPTERS["a"], adapter_name="a")
for name, cfg in ADAPTERS.items():
    if name != "a":
        model.add_adapter(name, cfg)
lora = model.base_model


def layers():
    for site in ("up", "square", "down"):
        yield site, getattr(lora.model, site)


def flat(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().flatten().tolist()]


adapters = {}
for name, cfg in ADAPTERS.items():
    sites = {}
    for site, layer in layers():
        if not hasattr(layer, "lora_A") or name not in layer.lora_A:
            continue
        a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
        a.data.normal_(0, 0.5)
        b.data.normal_(0, 0.5)
        sites[site] = {
            "rank": a.shape[0], "inputs": a.shape[1], "outputs": b.shape[0],
            "a": flat(a), "b": flat(b), "scale": layer.scaling[name],
        }
    adapters[name] = sites

merges = []
for index, (method, names, weights, rank) in enumerate(MERGES):
    merged = f"merged{index}"
    if len(set(names)) < len(names):
        # PEFT would take one adapter twice; the sum is what counts.
        deltas = {}
        for site, layer in layers():
            deltas[site] = sum(w * layer.get_delta_weight(n) for n, w in zip(names, weights))
    else:
        options = {"svd_rank": rank} if method == "svd" else {}
        lora.add_weighted_adapter(names, weights, merged, combination_type=method, **options)
        deltas = {}
        for site, layer in layers():
            a, b = layer.lora_A[merged].weight, layer.lora_B[merged].weight
            # PEFT keeps use_rslora of the first adapter, which is off here, and alpha = rank.
            assert layer.scaling[merged] == 1.0, layer.scaling
            deltas[site] = (b @ a).detach()
    errors = {}
    for site, layer in layers():
        exact = sum(
            w * layer.get_delta_weight(n).detach().double() for n, w in zip(names, weights) if n in layer.lora_A
        )
        values = torch.linalg.svdvals(exact)
        kept = rank or max(layer.lora_A[n].weight.shape[0] for n in names if n in layer.lora_A)
        errors[site] = math.sqrt(float((values[kept:] ** 2).sum()))
    merges.append({
        "method": method, "adapters": names, "weights": weights, "rank": rank,
        "deltas": {site: flat(delta) for site, delta in deltas.items()},
        "bestErrors": errors,
    })

OUT.parent.mkdir(exist_ok=True)
OUT.write_text(json.dumps({"adapters": adapters, "merges": merges}) + "\n")
print(OUT, OUT.stat().st_size)
