"""Makes Tests/Fixtures/methods/dora and ia3: PEFT adapters of methods that scale, on Tests/Fixtures/tiny/model, and
what PyTorch computes with them in f32, for the tests of MotetAdapters and MotetTraining.

    python Tests/Fixtures/methods_scaling.py

NAME/adapter/             as PEFT saves it, with values that are not those it begins with
NAME/expected.safetensors
    logits.N    [tokens, vocabulary] for sequence N of Tests/Fixtures/tiny/expected.json
    step1.KEY   each parameter after one step of AdamW (lr 1e-3, weight decay 0.01) on that file's rows
NAME/expected.json        the loss of that step
experts.json              softmax over the top k, low-rank experts and the balance of Switch (f64)

Packages: torch==2.13.0 transformers peft safetensors.
"""
import json, os, shutil
import torch
from peft import IA3Config, LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(11)
fixtures = os.path.dirname(os.path.abspath(__file__))
expected = json.load(open(os.path.join(fixtures, "tiny", "expected.json")))
MODULES = [f"{m}_proj" for m in ["q", "k", "v", "o", "gate", "up", "down"]]


def losses(model, row):
    ids = torch.tensor([row["tokens"]])
    each = torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none")
    return each[torch.tensor(row["labelled"][1:])]


def make(name, config, change):
    here = os.path.join(fixtures, "methods", name)
    shutil.rmtree(here, ignore_errors=True)
    model = LlamaForCausalLM.from_pretrained(os.path.join(fixtures, "tiny", "model"), dtype=torch.float32)
    peft = get_peft_model(model, config)
    peft.peft_config["default"].base_model_name_or_path = "tiny"
    for key, parameter in peft.named_parameters():
        change(key, parameter)
    peft.save_pretrained(os.path.join(here, "adapter"))
    os.remove(os.path.join(here, "adapter", "README.md"))
    tensors = {}
    with torch.no_grad():
        for i, ids in enumerate(expected["sequences"]):
            tensors[f"logits.{i}"] = peft(torch.tensor([ids])).logits[0].contiguous()
    trained = {k: p for k, p in peft.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(list(trained.values()), lr=1e-3, weight_decay=0.01)
    loss = torch.cat([losses(peft, row) for row in expected["rows"]]).mean()
    loss.backward()
    optimizer.step()
    for key, parameter in trained.items():
        path = key.split("base_model.model.model.")[1].replace(".default", "").removesuffix(".weight")
        tensors[f"step1.{path}"] = parameter.detach().clone().contiguous()
    save_file(tensors, os.path.join(here, "expected.safetensors"))
    json.dump({"loss": loss.item()}, open(os.path.join(here, "expected.json"), "w"))


def dora(key, parameter):
    if "lora_B" in key:
        parameter.data.normal_(0, 0.1)
    if "magnitude" in key:
        parameter.data.mul_(1 + 0.2 * torch.randn_like(parameter))


def ia3(key, parameter):
    if "ia3_l" in key:
        parameter.data.add_(0.3 * torch.randn_like(parameter))


make("dora", LoraConfig(r=4, lora_alpha=8, use_dora=True, target_modules=MODULES, task_type="CAUSAL_LM"), dora)
make("ia3", IA3Config(task_type="CAUSAL_LM"), ia3)
