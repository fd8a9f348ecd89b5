"""Makes merge/peft/: an adapter folder that PEFT 0.21 saved, with ranks and alphas of their own for some modules,
and merge/peft-deltas.json: what it adds to each matrix.

    python Tests/Fixtures/merge_folder.py                 makes them
    python Tests/Fixtures/merge_folder.py check FOLDER    loads FOLDER, an adapter of ours for the same model,
                                                          in PEFT and prints the largest difference between
                                                          its deltas and those in FOLDER/deltas.json
"""

import json
import pathlib
import shutil
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
torch.manual_seed(11)
OUT = pathlib.Path(__file__).parent / "merge"

model = LlamaForCausalLM(
    LlamaConfig(
        vocab_size=16, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1,
    )
)


def deltas(peft):
    found = {}
    for name, module in peft.base_model.model.named_modules():
        if hasattr(module, "get_delta_weight") and module.lora_A:
            site = name.removeprefix("model.")
            found[site] = module.get_delta_weight(peft.active_adapter).detach().flatten().tolist()
    return found


if sys.argv[1:2] == ["check"]:
    folder = pathlib.Path(sys.argv[2])
    expected = json.loads((folder / "deltas.json").read_text())
    actual = deltas(PeftModel.from_pretrained(model, folder))
    assert expected.keys() == actual.keys(), (sorted(expected), sorted(actual))
    worst = max(abs(a - b) for k in expected for a, b in zip(expected[k], actual[k], strict=True))
    print(f"{len(expected)} sites, largest difference {worst:.3g}")
    sys.exit(worst > 1e-5)

peft = get_peft_model(
    model,
    LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], use_rslora=True, task_type="CAUSAL_LM",
        rank_pattern={"layers.1.self_attn.q_proj": 2}, alpha_pattern={"down_proj": 3},
    ),
)
for name, parameter in peft.named_parameters():
    if "lora_" in name:
        parameter.data.normal_(0, 0.5)
shutil.rmtree(OUT / "peft", ignore_errors=True)
peft.save_pretrained(OUT / "peft")
(OUT / "peft" / "README.md").unlink(missing_ok=True)
(OUT / "peft-deltas.json").write_text(json.dumps(deltas(peft)) + "\n")
