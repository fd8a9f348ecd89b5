"""Makes Tests/Fixtures/methods: what PyTorch and PEFT compute in f32 with adapters of the low-rank family on the tiny
model of tiny.py, for the tests of MotetTraining.

    python Tests/Fixtures/methods_lowrank.py [NAME…]

NAME.safetensors, for each method NAME
    loss             [steps]: the mean loss of tiny's batch before each step of AdamW (lr 1e-3, weight decay 0.01)
    start.PATH.P     a parameter before the first step, where it is drawn
    step1.PATH.P     the same after it
and what else a method's part below says. Adapters that PEFT saved are in folders called NAME-peft.

Packages: torch==2.13.0 transformers peft safetensors.
"""
import json, math, os, shutil, sys
import torch
from peft import AdaLoraConfig, LoraConfig, VeraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
fixtures = os.path.dirname(os.path.abspath(__file__))
tiny, here = os.path.join(fixtures, "tiny"), os.path.join(fixtures, "methods")
os.makedirs(here, exist_ok=True)
rows = json.load(open(os.path.join(tiny, "expected.json")))["rows"]
MODULES = [f"{m}_proj" for m in ["q", "k", "v", "o", "gate", "up", "down"]]
wanted = sys.argv[1:]
made = {}


def base():
    return LlamaForCausalLM.from_pretrained(os.path.join(tiny, "model"), dtype=torch.float32)


def loss_of(model):
    parts = []
    for row in rows:
        ids = torch.tensor([row["tokens"]])
        each = torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none")
        parts.append(each[torch.tensor(row["labelled"][1:])])
    return torch.cat(parts).mean()


def named(model):
    """The trained parameters, by the names that files have."""
    return {n.split("base_model.model.model.")[1].replace(".default", "").replace(".weight", ""): p
            for n, p in model.named_parameters() if p.requires_grad}


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)


def step(model, optimizer, tensors, loss=None):
    value = loss_of(model)
    optimizer.zero_grad()
    (value if loss is None else loss(value)).backward()
    optimizer.step()
    tensors.setdefault("loss", []).append(value.item())


def keep(tensors, prefix, parameters):
    tensors.update({f"{prefix}.{k}": p.detach().clone().contiguous() for k, p in parameters.items()})


def save(name, tensors):
    tensors["loss"] = torch.tensor(tensors["loss"])
    save_file(tensors, os.path.join(here, f"{name}.safetensors"))


def saved(model, name):
    folder = os.path.join(here, f"{name}-peft")
    shutil.rmtree(folder, ignore_errors=True)
    for config in model.peft_config.values():
        config.base_model_name_or_path = "tiny"
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))


def method(function):
    made[function.__name__] = function
    return function


def lora(**options):
    """PEFT's LoRA of rank 4 with the factors of tiny's adapter, B not zero."""
    model = get_peft_model(base(), LoraConfig(r=4, target_modules=options.pop("modules", MODULES), task_type="CAUSAL_LM", **options))
    factors = load_file(os.path.join(tiny, "adapter", "adapter_model.safetensors"))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.copy_(factors[name.replace(".default", "")])
    return model


@method
def rslora():
    tensors, model = {}, lora(lora_alpha=3, use_rslora=True)
    saved(model, "rslora")
    optimizer = adamw(named(model).values())
    for _ in range(2):
        step(model, optimizer, tensors)
    save("rslora", tensors)


@method
def loraplus():
    from peft.optimizers import create_loraplus_optimizer
    tensors, model = {}, lora(lora_alpha=8)
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16, loraplus_weight_decay=0.01)
    step(model, optimizer, tensors)
    keep(tensors, "step1", {k: p for k, p in named(model).items() if "layers.1" in k})
    step(model, optimizer, tensors)
    save("loraplus", tensors)


@method
def lorafa():
    tensors, model = {}, lora(lora_alpha=8)
    for name, parameter in model.named_parameters():
        if "lora_A" in name:
            parameter.requires_grad_(False)
    optimizer = adamw(named(model).values())
    step(model, optimizer, tensors)
    keep(tensors, "step1", {k: p for k, p in named(model).items() if "layers.1" in k})
    step(model, optimizer, tensors)
    save("lorafa", tensors)


@method
def pissa():
    """start and step1: [A; B] up to the sign of each direction. Saved is what PEFT makes of it for the base as it was."""
    tensors, model = {}, get_peft_model(base(), LoraConfig(
        r=4, lora_alpha=6, target_modules=MODULES, task_type="CAUSAL_LM", init_lora_weights="pissa"))
    start = os.path.join(here, "pissa-start")
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(start)
    model.peft_config["default"].init_lora_weights = "pissa"
    keep(tensors, "start", {k: p for k, p in named(model).items() if "layers.1" in k})
    optimizer = adamw(named(model).values())
    step(model, optimizer, tensors)
    keep(tensors, "step1", {k: p for k, p in named(model).items() if "layers.1" in k})
    step(model, optimizer, tensors)
    folder = os.path.join(here, "pissa-peft")
    shutil.rmtree(folder, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = "tiny"
    model.save_pretrained(folder, path_initial_model_for_weight_conversion=start)
    for name in ("pissa-start", "pissa-peft"):
        if name == "pissa-start":
            shutil.rmtree(os.path.join(here, name))
    os.remove(os.path.join(folder, "README.md"))
    tensors["loss"].append(loss_of(model).item())
    save("pissa", tensors)


@method
def vera():
    """projection: what PyTorch draws from the key; drawn.*: the start PEFT makes. b is not zero before the steps."""
    tensors = {}
    for saves in (True, False):
        torch.manual_seed(7)
        model = get_peft_model(base(), VeraConfig(
            r=6, target_modules=MODULES, task_type="CAUSAL_LM", projection_prng_key=11, save_projection=saves))
        for name, parameter in model.named_parameters():
            if "vera_lambda" in name:
                parameter.data.normal_(0, 0.3)
        saved(model, "vera" if saves else "vera-bare")
    tensors["vera_A"] = model.base_model.vera_A["default"].clone()
    tensors["vera_B"] = model.base_model.vera_B["default"].clone()
    optimizer = adamw(named(model).values())
    step(model, optimizer, tensors)
    keep(tensors, "step1", {k: p for k, p in named(model).items() if "layers.1" in k})
    step(model, optimizer, tensors)
    save("vera", tensors)


def gated(model, gates):
    """PEFT's LoRA with a factor for each rank between A and B: SoRA's gate, DyLoRA's choice of ranks."""
    for path, gate in gates.items():
        layer = model.get_submodule(f"base_model.model.model.{path}")
        layer.lora_A["default"].register_forward_hook(lambda module, x, u, gate=gate: u * gate())


@method
def sora():
    """Gates g of the equations, drawn here; lr 1e-3 and λ 200 make a threshold of 0.2."""
    tensors, model = {}, lora(lora_alpha=8)
    gates = {}
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and "default" in getattr(module, "lora_A", {}):
            gates[name.split("base_model.model.model.")[1]] = torch.nn.Parameter(torch.randn(4) * 0.5)
    gated(model, {k: (lambda g=g: g) for k, g in gates.items()})
    tensors.update({f"start.{k}.gate": g.detach().clone() for k, g in gates.items()})
    optimizer = adamw(list(named(model).values()) + list(gates.values()))
    for index in range(3):
        step(model, optimizer, tensors)
        with torch.no_grad():
            for g in gates.values():
                g.copy_(g.sign() * (g.abs() - 1e-3 * 200).clamp(min=0))
        if index == 0:
            keep(tensors, "step1", {k: p for k, p in named(model).items() if "layers.1" in k})
            tensors.update({f"step1.{k}.gate": g.detach().clone() for k, g in gates.items() if "layers.1" in k})
    tensors.update({f"step3.{k}.gate": g.detach().clone() for k, g in gates.items()})
    tensors["loss"].append(loss_of(model).item())
    save("sora", tensors)


@method
def dylora():
    """Steps at the ranks 3, 1, 4 and 2; the loss of each whole rank b after them; frozen.*: the same with only rank b
    trained."""
    tensors = {}
    for frozen in (False, True):
        model, width = lora(lora_alpha=8), [4]
        names = [n.split("base_model.model.model.")[1] for n, m in model.named_modules()
                 if "default" in getattr(m, "lora_A", {})]
        # α/b in place of α/4.
        gate = lambda: torch.tensor([4 / width[0] if i < width[0] else 0 for i in range(4)])
        gated(model, {k: gate for k in names})
        optimizer, part = adamw(named(model).values()), {}
        for width[0] in (3, 1, 4, 2):
            loss = loss_of(model)
            optimizer.zero_grad()
            loss.backward()
            if frozen:
                for k, p in named(model).items():
                    only = torch.zeros(4)
                    only[width[0] - 1] = 1
                    p.grad.mul_(only[:, None] if "lora_A" in k else only[None])
            optimizer.step()
            part.setdefault("loss", []).append(loss.item())
            if width[0] == 3:
                keep(part, "step1", {k: p for k, p in named(model).items() if "layers.1" in k})
        with torch.no_grad():
            for width[0] in (1, 2, 3, 4):
                part["loss"].append(loss_of(model).item())
        part["loss"] = torch.tensor(part["loss"])
        tensors.update({("frozen." if frozen else "") + k: v for k, v in part.items()})
    save_file(tensors, os.path.join(here, "dylora.safetensors"))


@method
def adalora():
    """Eight steps from a rank of 6 to 3 on average, tinit 1, tfinal 2, deltaT 2; E is not zero at first. The losses are
    those of the data, without the penalty; kept.*: which ranks are left."""
    steps, tensors = 8, {}
    model = get_peft_model(base(), AdaLoraConfig(
        init_r=6, target_r=3, tinit=1, tfinal=2, deltaT=2, total_step=steps, lora_alpha=12, target_modules=MODULES,
        task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_" in name and parameter.requires_grad:
            parameter.data.normal_(0, 0.1)
    keep(tensors, "start", named(model))
    optimizer = adamw(named(model).values())
    for index in range(1, steps + 1):
        data = loss_of(model)
        optimizer.zero_grad()
        # What AdaLoraModel.forward adds to outputs.loss.
        norms = [torch.norm((p @ p.T if "lora_A" in k else p.T @ p) - torch.eye(6)) for k, p in named(model).items() if "lora_E" not in k]
        (data + 0.5 * sum(norms) / len(norms)).backward()
        optimizer.step()
        model.base_model.update_and_allocate(index)
        tensors.setdefault("loss", []).append(data.item())
        if index == 1:
            keep(tensors, "step1", {k: p for k, p in named(model).items() if "layers.1" in k})
    for name, kept in model.peft_config["default"].rank_pattern.items():
        path = name.replace("base_model.model.", "").replace("model.layers", "layers").split(".lora_E")[0]
        tensors[f"kept.{path}"] = torch.tensor(kept, dtype=torch.float32)
    tensors["loss"].append(loss_of(model).item())
    saved(model, "adalora")
    save("adalora", tensors)


if __name__ == "__main__":
    for name, function in made.items():
        if not wanted or name in wanted:
            torch.manual_seed(7)
            function()
            print(name, flush=True)
