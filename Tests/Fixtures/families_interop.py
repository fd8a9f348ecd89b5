"""Loads the folders that Motet wrote of the families' models with `transformers`, and compares what it computes.

    MOTET_INTEROP_OUTPUT=/tmp/families swift test -c release --filter FamilyFolderTests
    python Tests/Fixtures/families_interop.py /tmp/families

NAME-fused (f32) must give the logits that transformers and PEFT gave for the adapter; NAME-gguf those of the model.
Packages: torch==2.13.0 transformers==5.24.0.
"""
import os, sys
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

here = os.path.dirname(os.path.abspath(__file__))
folder, worst, count = sys.argv[1], 0.0, 0
for name in sorted(os.listdir(folder)):
    fixture, _, kind = name.rpartition("-")
    expected = load_file(os.path.join(here, "families", fixture, "expected.safetensors"))
    model = AutoModelForCausalLM.from_pretrained(
        os.path.join(folder, name), dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = model(expected["tokens"][None].long()).logits[0]
    target = expected["adapted.logits" if kind == "fused" else "logits"]
    difference = ((logits - target).abs().max() / max(1.0, target.abs().max().item())).item()
    print(f"{name:32} {difference:.2e}")
    worst, count = max(worst, difference), count + 1
print(f"{count} folders, the largest relative difference {worst:.2e}")
sys.exit(0 if count and worst < 1e-4 else 1)
