"""Makes Tests/Fixtures/virtual: a soft prompt and a prefix that PEFT saved, on the model of Tests/Fixtures/tiny, and
what PEFT computes with them in f32, for the tests of MotetAdapters and MotetTraining.

    python Tests/Fixtures/methods_virtual.py        # after tiny.py

prompt/  PROMPT_TUNING, 5 virtual tokens
prefix/  PREFIX_TUNING, 4 virtual tokens
expected.safetensors
    METHOD.logits.N     [tokens, vocabulary] for sequence N of tiny/expected.json, at its own tokens
    METHOD.step1        prompt_embeddings after one step of AdamW (lr 1e-3, weight decay 0.01) on the rows there
expected.json
    by method: the loss of that step, and 12 greedy tokens after each sequence
projection.json
    the projection of PEFT's PrefixEncoder in f64: 3 tokens, width 4, hidden 5, outputs 8

Packages: torch==2.13.0 transformers peft==0.21 safetensors.
"""
import json, os, shutil
import torch
from peft import PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(11)
fixtures = os.path.dirname(os.path.abspath(__file__))
tiny, here = os.path.join(fixtures, "tiny"), os.path.join(fixtures, "virtual")
shutil.rmtree(here, ignore_errors=True)
os.makedirs(here)
given = json.load(open(os.path.join(tiny, "expected.json")))
tensors, results = {}, {}


def greedy(model, ids, count=12):
    x = torch.tensor([ids])
    out = model.generate(input_ids=x, attention_mask=torch.ones_like(x), max_new_tokens=count, do_sample=False,
                         eos_token_id=-1, pad_token_id=2)
    return out[0, len(ids):].tolist()


for method, config in (("prompt", PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)),
                       ("prefix", PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))):
    model = LlamaForCausalLM.from_pretrained(os.path.join(tiny, "model"), dtype=torch.float32).eval()
    peft = get_peft_model(model, config)
    peft.peft_config["default"].base_model_name_or_path = "tiny"
    weight = peft.prompt_encoder["default"].embedding.weight
    weight.data.normal_(0, 0.5)
    peft.save_pretrained(os.path.join(here, method))
    os.remove(os.path.join(here, method, "README.md"))
    virtual = config.num_virtual_tokens if method == "prompt" else 0
    with torch.no_grad():
        for n, ids in enumerate(given["sequences"]):
            tensors[f"{method}.logits.{n}"] = peft(torch.tensor([ids])).logits[0, virtual:].contiguous()
        greedys = [greedy(peft, ids) for ids in given["sequences"]]
    optimizer = torch.optim.AdamW([weight], lr=1e-3, weight_decay=0.01)
    parts = []
    for row in given["rows"]:
        ids = torch.tensor([row["tokens"]])
        logits = peft(ids).logits[0, virtual:]
        each = torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
        parts.append(each[torch.tensor(row["labelled"][1:])])
    loss = torch.cat(parts).mean()
    loss.backward()
    optimizer.step()
    tensors[f"{method}.step1"] = weight.detach().clone()
    results[method] = {"loss": loss.item(), "greedy": greedys}

from peft import PrefixEncoder
encoder = PrefixEncoder(PrefixTuningConfig(
    task_type="CAUSAL_LM", num_virtual_tokens=3, token_dim=4, num_layers=1, encoder_hidden_size=5,
    num_transformer_submodules=1, num_attention_heads=1, prefix_projection=True)).double()
parameters = [encoder.embedding.weight, *encoder.transform.parameters()]
y = encoder(torch.arange(3))
dy = torch.randn_like(y)
flat = lambda t: [float(f"{v:.9g}") for v in t.detach().flatten().tolist()]
json.dump({"shapes": [list(p.shape) for p in parameters], "parameters": [flat(p) for p in parameters], "y": flat(y),
           "dy": flat(dy), "gradients": [flat(g) for g in torch.autograd.grad(y, parameters, dy)]},
          open(os.path.join(here, "projection.json"), "w"), separators=(",", ":"))
save_file(tensors, os.path.join(here, "expected.safetensors"))
json.dump(results, open(os.path.join(here, "expected.json"), "w"), separators=(",", ":"))
