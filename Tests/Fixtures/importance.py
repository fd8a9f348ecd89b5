"""Makes Tests/Fixtures/importance.json: how much the matrices of the tiny model of tiny.py matter for its batch, from
the whole gradients that PyTorch computes in f32, for the tests of MotetTraining.

    python Tests/Fixtures/importance.py

For each site
    gradient-norm  ‖G‖, G the gradient of the mean loss over all labels
    sensitivity    Σ |W∘G|
    fisher         the mean over the rows of ‖Gₙ‖², Gₙ the gradient of the sum of a row's losses

Packages: torch==2.13.0 transformers.
"""
import json, os
import torch
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
fixtures = os.path.dirname(os.path.abspath(__file__))
tiny = os.path.join(fixtures, "tiny")
rows = json.load(open(os.path.join(tiny, "expected.json")))["rows"]
model = LlamaForCausalLM.from_pretrained(os.path.join(tiny, "model"), dtype=torch.float32)
sites = {name.removeprefix("model.").removesuffix(".weight"): p
         for name, p in model.named_parameters() if "_proj" in name}


def losses(row):
    ids = torch.tensor([row["tokens"]])
    each = torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none")
    return each[torch.tensor(row["labelled"][1:])]


def gradients(loss):
    return dict(zip(sites, torch.autograd.grad(loss, list(sites.values()))))


mean = gradients(torch.cat([losses(row) for row in rows]).mean())
by_row = [gradients(losses(row).sum()) for row in rows]
json.dump({
    "gradient-norm": {k: g.norm().item() for k, g in mean.items()},
    "sensitivity": {k: (sites[k] * g).abs().sum().item() for k, g in mean.items()},
    "fisher": {k: sum(g[k].square().sum().item() for g in by_row) / len(rows) for k in sites},
}, open(os.path.join(fixtures, "importance.json"), "w"), indent=1)
