"""LoRA on a quantized GGUF: Motet, and PEFT on the same weights dequantized by transformers, in turn.

    python Benchmarks/families.py MODEL.gguf --motet .build/release/motet --train train.jsonl --eval eval.jsonl

Rows are {"prompt", "response"}; both sides render them by the file's chat template, or go on from the prompt as it is
where the file has none. Rank 16, alpha 32, all linear modules, one epoch, batches of 8, learning rate 2e-4, constant.
The NLL before training is the check that both read the same tokens and weights: it is said when it is further apart than
the rounding of formats explains. Packages: torch==2.13.0 transformers==5.24 peft gguf.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time


def encode(tok, row):
    if tok.chat_template:
        head = tok.apply_chat_template(
            [{"role": "user", "content": row["prompt"]}], add_generation_prompt=True, tokenize=False)
        whole = tok.apply_chat_template(
            [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["response"]}], tokenize=False)
        prompt = tok(head, add_special_tokens=False).input_ids
        ids = tok(whole, add_special_tokens=False).input_ids
        # Labels run over the response and the end of its turn, not the newline after it.
        newline = tok("\n", add_special_tokens=False).input_ids
        end = len(ids) - (len(newline) if ids[-len(newline):] == newline else 0)
        return ids, [-100] * len(prompt) + ids[len(prompt):end] + [-100] * (len(ids) - end)
    prompt = tok(row["prompt"]).input_ids
    response = tok(row["response"], add_special_tokens=False).input_ids + [tok.eos_token_id]
    return prompt + response, [-100] * len(prompt) + response


def loss_sum(model, rows):
    import torch

    longest = max(len(ids) for ids, _ in rows)
    pad = lambda v, fill: v + [fill] * (longest - len(v))
    ids, labels = torch.tensor([pad(i, 0) for i, _ in rows]), torch.tensor([pad(l, -100) for _, l in rows])
    mask = torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i, _ in rows])
    hidden = model.base_model.model.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :-1]
    target = labels[:, 1:]
    kept = target != -100
    # The head only where a label is: a vocabulary of 262,144 does not fit memory otherwise.
    logits = model.base_model.model.lm_head(hidden[kept]).float()
    cap = getattr(model.config, "final_logit_softcapping", None)
    if cap:
        logits = cap * torch.tanh(logits / cap)
    return torch.nn.functional.cross_entropy(logits, target[kept], reduction="sum"), kept.sum()


def nll(model, rows):
    import torch

    model.eval()
    with torch.no_grad():
        parts = [loss_sum(model, [row]) for row in rows]
    return float(sum(l for l, _ in parts)) / int(sum(c for _, c in parts))


def theirs(options):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    folder, name = os.path.split(os.path.abspath(options.model))
    tok = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(
        r=16, lora_alpha=32, target_modules="all-linear", lora_dropout=0, task_type="CAUSAL_LM"))
    train, held_out = ([encode(tok, json.loads(line)) for line in open(path)] for path in (options.train, options.eval))
    before = nll(model, held_out)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4, weight_decay=0)
    model.train()
    began = time.time()
    for start in range(0, len(train), 8):
        loss, count = loss_sum(model, train[start:start + 8])
        (loss / count).backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        print(f"\rPEFT step {start // 8 + 1}/{(len(train) + 7) // 8}", end="", file=sys.stderr)
    seconds = time.time() - began
    print(file=sys.stderr)
    print(json.dumps({
        "before": before, "after": nll(model, held_out), "tokens": sum(len(i) for i, _ in train), "seconds": seconds,
        "tokens_per_second": sum(len(i) for i, _ in train) / seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def ours(options):
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run(
            [options.motet, "train", "--base", options.model, "--data", options.train, "--eval", options.eval,
             "--output", folder + "/a", "--rank", "16", "--lr", "2e-4", "--schedule", "constant", "--warmup", "0",
             "--batch", "8", "--no-shuffle", "--json"], check=True, stdout=subprocess.PIPE, text=True).stdout
    r = json.loads(out)
    return {"before": r["eval_nll_before"], "after": r["eval_nll_after"], "tokens": r["tokens"],
            "tokens_per_second": r["tokens_per_second"], "peak_mb": r["peak_rss_bytes"] / 1e6}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    for option in ["motet", "train", "eval"]:
        parser.add_argument("--" + option, required=True)
    parser.add_argument("--theirs", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.theirs:
        return theirs(options)
    mine = ours(options)
    # In a process of its own: memory and thread pools start anew.
    out = subprocess.run([sys.executable, *sys.argv, "--theirs"], check=True, stdout=subprocess.PIPE, text=True).stdout
    other = json.loads(out.splitlines()[-1])
    print(f"{'':8}{'NLL before':>12}{'NLL after':>12}{'tokens':>9}{'tokens/s':>10}{'peak MB':>9}")
    for name, r in [("PEFT", other), ("Motet", mine)]:
        print(f"{name:8}{r['before']:12.4f}{r['after']:12.4f}{r['tokens']:9}{r['tokens_per_second']:10.1f}{r['peak_mb']:9.0f}")
    if abs(mine["before"] - other["before"]) > 0.01:
        print("The NLL before training is not the same: tokens or weights differ.")
    print(f"NLL after, Motet - PEFT: {mine['after'] - other['after']:+.4f}; "
          f"speed {mine['tokens_per_second'] / other['tokens_per_second']:.2f}, memory {mine['peak_mb'] / other['peak_mb']:.2f}")


main()
