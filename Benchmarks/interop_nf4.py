"""Loads a folder of `motet quantize` in transformers with bitsandbytes, and says how far it is from the base.

    motet quantize --calibrate rows.jsonl --output calibrated
    python Benchmarks/interop_nf4.py calibrated BASE held-out.jsonl      # BASE: the model unquantized, as a folder

Needs torch, transformers, accelerate and bitsandbytes. They find NF4 alone: the fifth bits of motet-tables.safetensors
are Motet's own, and `motet evaluate --base calibrated` is nearer to the base by them. Prints the NLL of the rows'
responses on both.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def rows(path, tokenizer):
    for line in open(path):
        row = json.loads(line)
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": row["prompt"]}], tokenize=False, add_generation_prompt=True)
        start = tokenizer(prompt, add_special_tokens=False).input_ids
        answer = tokenizer(row["response"] + "<|im_end|>", add_special_tokens=False).input_ids
        yield torch.tensor([start + answer]), len(start)


def nll(model, data):
    total = count = 0
    with torch.no_grad():
        for tokens, start in data:
            logits = model(tokens).logits[0, start - 1 : -1].float()
            losses = torch.nn.functional.cross_entropy(logits, tokens[0, start:], reduction="none")
            total, count = total + losses.sum().item(), count + len(losses)
    return total / count


quantized, base, file = sys.argv[1:4]
data = list(rows(file, AutoTokenizer.from_pretrained(quantized)))
for name in (base, quantized):
    model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, device_map="cpu")
    kinds = {type(module).__name__ for module in model.modules() if "Linear" in type(module).__name__}
    print(f"{name}: NLL {nll(model, data):.4f} on {len(data)} rows, by {', '.join(sorted(kinds))}")
