"""Makes Tests/Fixtures/copy.safetensors: what PyTorch makes of all weights of the model of Tests/Fixtures/tiny, and of
its last layer's alone, in one step of AdamW in f32.

    python Tests/Fixtures/methods_copy.py        # after tiny.py

full.*, partial.*, untied.*
    loss      of the rows of tiny/expected.json
    step1.NAME  some tensors after one step of AdamW (lr 1e-3, weight decay 0.01)
untied is all weights with a head of its own, which begins as half the embedding.

Packages: torch==2.13.0 transformers safetensors.
"""
import json, os
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
fixtures = os.path.dirname(os.path.abspath(__file__))
tiny = os.path.join(fixtures, "tiny")
rows = json.load(open(os.path.join(tiny, "expected.json")))["rows"]
LAYER = ["input_layernorm", "post_attention_layernorm", "self_attn.k_proj", "self_attn.v_proj", "mlp.up_proj"]
tensors = {}

for case, layer in (("full", 0), ("partial", 1), ("untied", None)):
    model = LlamaForCausalLM.from_pretrained(os.path.join(tiny, "model"), dtype=torch.float32).eval()
    if case == "untied":
        model.lm_head.weight = torch.nn.Parameter(model.model.embed_tokens.weight.detach() * 0.5)
    kept = [f"model.layers.{layer}.{name}.weight" for name in LAYER] if layer is not None else ["lm_head.weight"]
    if case == "full":
        kept += ["model.norm.weight", "model.layers.1.self_attn.o_proj.weight"]
    if case != "partial":
        kept += ["model.embed_tokens.weight"]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(case != "partial" or ".layers.1." in name)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.01)
    parts = []
    for row in rows:
        ids = torch.tensor([row["tokens"]])
        each = F.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none")
        parts.append(each[torch.tensor(row["labelled"][1:])])
    loss = torch.cat(parts).mean()
    loss.backward()
    optimizer.step()
    tensors[f"{case}.loss"] = loss.detach().reshape(1)
    named = dict(model.named_parameters())
    for name in kept:
        tensors[f"{case}.step1.{name}"] = named[name].detach().clone()
save_file(tensors, os.path.join(fixtures, "copy.safetensors"))
