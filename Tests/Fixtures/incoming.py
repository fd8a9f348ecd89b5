"""Makes Tests/Fixtures/incoming: bases and adapters as other programs leave them, on the base in Tests/Fixtures/tiny,
and what transformers and PEFT compute with them in f32.

    python Tests/Fixtures/incoming.py

head.safetensors     a head of its own, [288, 64] in bf16, for a base whose config.json ties it
head-lora/           LoRA on q_proj and lm_head, rank 3, B not zero, saved by PEFT with the base's head along
bias-all/            LoRA on v_proj with bias="all", saved by PEFT: the base has no biases
along/               LoRA on q_proj, modules_to_save=["lm_head"] unchanged, in-memory names (lora_A.default.weight)
expected.safetensors
    logits.own_head      [3, 288], at the last three positions, of the base with that head
    logits.NAME          the same of the base with the adapter NAME
    nll.NAME, nll.tied   mean over the sequence's tokens after the first, [1]
expected.json        the sequence

Packages: torch==2.13.0 transformers==5.24.0 peft==0.21.2 safetensors.
"""
import json, os, shutil, tempfile
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
fixtures = os.path.dirname(os.path.abspath(__file__))
here, base = os.path.join(fixtures, "incoming"), os.path.join(fixtures, "tiny", "model")
shutil.rmtree(here, ignore_errors=True)
os.makedirs(here)
generator = torch.Generator().manual_seed(11)
sequence = torch.randint(3, 288, (12,), generator=generator)
expected = {}


def logits(model):
    with torch.no_grad():
        return model(sequence[None]).logits[0].float().contiguous()


def nll(values):
    return torch.nn.functional.cross_entropy(values[:-1], sequence[1:]).reshape(1)


def expect(name, values):
    expected[f"logits.{name}"] = values[-3:].contiguous()
    expected[f"nll.{name}"] = nll(values)


def fresh():
    return LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)


# A head of its own beside tie_word_embeddings: true.
weights = load_file(os.path.join(base, "model.safetensors"))
embedding = weights["model.embed_tokens.weight"].float()
head = (1.5 * embedding + 0.1 * torch.randn(embedding.shape, generator=generator)).to(torch.bfloat16)
save_file({"lm_head.weight": head}, os.path.join(here, "head.safetensors"))
with tempfile.TemporaryDirectory() as folder:
    shutil.copytree(base, folder, dirs_exist_ok=True)
    save_file({**weights, "lm_head.weight": head}, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert torch.equal(model.lm_head.weight, head.float()), "transformers tied the head"
    expect("own_head", logits(model))
expect("tied", logits(fresh()))


def adapter(name, **settings):
    model = get_peft_model(fresh(), LoraConfig(task_type="CAUSAL_LM", **settings))
    model.peft_config["default"].base_model_name_or_path = "tiny"
    for key, parameter in model.named_parameters():
        if "lora_B" in key:
            parameter.data.normal_(0, 0.1, generator=generator)
        elif "lora_A" in key:
            parameter.data.uniform_(-0.125, 0.125, generator=generator)
    folder = os.path.join(here, name)
    model.save_pretrained(folder)
    readme = os.path.join(folder, "README.md")
    if os.path.exists(readme):
        os.remove(readme)
    expect(name, logits(PeftModel.from_pretrained(fresh(), folder)))
    return folder


def rewrite(folder, change):
    """Saves an adapter again with the base's own tensors in bf16, as most bases have them, and names changed."""
    file = os.path.join(folder, "adapter_model.safetensors")
    tensors = {change(k): v if ".lora_" in k else v.to(torch.bfloat16) for k, v in load_file(file).items()}
    save_file(tensors, file, {"format": "pt"})


folder = adapter("head-lora", r=3, lora_alpha=9, target_modules=["q_proj", "lm_head"])
rewrite(folder, lambda name: name)
adapter("bias-all", r=2, lora_alpha=4, target_modules=["v_proj"], bias="all")
folder = adapter("along", r=2, lora_alpha=2, target_modules=["q_proj"], modules_to_save=["lm_head"])
rewrite(folder, lambda name: name.replace(".weight", ".default.weight") if ".lora_" in name else name)
for name in os.listdir(here):
    file = os.path.join(here, name, "adapter_model.safetensors")
    if os.path.exists(file):
        print(name, list(load_file(file))[:3], os.path.getsize(file))

save_file(expected, os.path.join(here, "expected.safetensors"))
json.dump({"sequence": sequence.tolist()}, open(os.path.join(here, "expected.json"), "w"))
print({k: v.item() for k, v in expected.items() if v.numel() == 1})
