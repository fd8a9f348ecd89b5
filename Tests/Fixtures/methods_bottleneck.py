"""Makes Tests/Fixtures/bottleneck: Houlsby's modules (arXiv 1902.00751) on the model of Tests/Fixtures/tiny, and what
PyTorch computes with them in f32. PEFT has no such type; the modules are the paper's equations on forward hooks:
h + U·f(D·h + b) + c after attention's output projection and after the feed-forward's, before the residual.

    python Tests/Fixtures/methods_bottleneck.py        # after tiny.py

gelu/, relu/  Motet's folder of the modules, size 6, every tensor random
expected.safetensors
    ACTIVATION.logits.N      [tokens, vocabulary] for sequence N of tiny/expected.json
    ACTIVATION.step1.NAME    every tensor after one step of AdamW (lr 1e-3, weight decay 0.01) on the rows there
expected.json
    by activation: the loss of that step, and 12 greedy tokens after each sequence
operator.json
    one module's values and gradients in f64

Packages: torch==2.13.0 transformers safetensors.
"""
import json, os, shutil
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(12)
fixtures = os.path.dirname(os.path.abspath(__file__))
tiny, here = os.path.join(fixtures, "tiny"), os.path.join(fixtures, "bottleneck")
shutil.rmtree(here, ignore_errors=True)
given = json.load(open(os.path.join(tiny, "expected.json")))
SIZE, HIDDEN = 6, 64
tensors, results = {}, {}


def module(weights, h, f):
    return h + F.linear(f(F.linear(h, weights["down.weight"], weights["down.bias"])), weights["up.weight"], weights["up.bias"])


for name, f in (("gelu", F.gelu), ("relu", F.relu)):
    model = LlamaForCausalLM.from_pretrained(os.path.join(tiny, "model"), dtype=torch.float32).eval()
    model.requires_grad_(False)
    weights = {}
    for index, layer in enumerate(model.model.layers):
        for place, target in (("attention", layer.self_attn.o_proj), ("feed_forward", layer.mlp.down_proj)):
            own = {"down.weight": torch.randn(SIZE, HIDDEN) * 0.2, "down.bias": torch.randn(SIZE) * 0.3,
                   "up.weight": torch.randn(HIDDEN, SIZE) * 0.2, "up.bias": torch.randn(HIDDEN) * 0.1}
            for key, value in own.items():
                value.requires_grad_()
                weights[f"layers.{index}.{place}.{key}"] = value
            target.register_forward_hook(lambda _, __, h, own=own: module(own, h, f))
    folder = os.path.join(here, name)
    os.makedirs(folder)
    save_file({k: v.detach().clone() for k, v in weights.items()}, os.path.join(folder, "adapter_model.safetensors"),
              metadata={"format": "pt"})
    json.dump({"peft_type": "MOTET_BOTTLENECK", "task_type": "CAUSAL_LM", "base_model_name_or_path": "tiny",
               "inference_mode": True, "bottleneck_size": SIZE, "activation": name},
              open(os.path.join(folder, "adapter_config.json"), "w"), indent=2)
    greedys = []
    with torch.no_grad():
        for n, ids in enumerate(given["sequences"]):
            tensors[f"{name}.logits.{n}"] = model(torch.tensor([ids])).logits[0].contiguous()
            out = list(ids)
            for _ in range(12):
                out.append(model(torch.tensor([out])).logits[0, -1].argmax().item())
            greedys.append(out[len(ids):])
    optimizer = torch.optim.AdamW(list(weights.values()), lr=1e-3, weight_decay=0.01)
    parts = []
    for row in given["rows"]:
        ids = torch.tensor([row["tokens"]])
        each = F.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none")
        parts.append(each[torch.tensor(row["labelled"][1:])])
    loss = torch.cat(parts).mean()
    loss.backward()
    optimizer.step()
    tensors.update({f"{name}.step1.{k}": v.detach().clone() for k, v in weights.items()})
    results[name] = {"loss": loss.item(), "greedy": greedys}
save_file(tensors, os.path.join(here, "expected.safetensors"))
json.dump(results, open(os.path.join(here, "expected.json"), "w"), separators=(",", ":"))

cases = []
for name, f in (("gelu", F.gelu), ("relu", F.relu)):
    draw = lambda *shape: ((torch.randn(*shape) * 64).round().double() / 64).requires_grad_()
    own = {"down.weight": draw(3, 8), "down.bias": draw(3), "up.weight": draw(8, 3), "up.bias": draw(8)}
    h, residual = draw(5, 8), draw(5, 8)
    # Rows 1 to 3 go through the module, the others by it.
    y = residual + torch.cat([h[:1], module(own, h[1:4], f), h[4:]])
    dy = (torch.randn(5, 8) * 64).round().double() / 64
    names = ["down.weight", "down.bias", "up.weight", "up.bias"]
    gradients = torch.autograd.grad(y, [h, residual] + [own[k] for k in names], dy)
    flat = lambda t: [float(f"{v:.9g}") for v in t.detach().flatten().tolist()]
    cases.append({"activation": name, "h": flat(h), "residual": flat(residual), "y": flat(y), "dy": flat(dy),
                  "dh": flat(gradients[0]), "dresidual": flat(gradients[1]),
                  "weights": [flat(own[k]) for k in names], "gradients": [flat(g) for g in gradients[2:]]})
json.dump(cases, open(os.path.join(here, "operator.json"), "w"), separators=(",", ":"))
