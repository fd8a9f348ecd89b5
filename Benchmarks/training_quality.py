"""PEFT (PyTorch) and Motet in turn: the same base, rows in the same order, rank 16, alpha 32, all seven linear
modules, learning rate 2e-4 constant, batches of 8 rows, one epoch, bf16. Prints each one's NLL of held-out rows
before and after, tokens without padding per second, and the ratios.

    python Benchmarks/training_quality.py --motet .build/release/motet --base ~/.motet/models/smollm2-135m-instruct \
        --train train.jsonl --eval eval.jsonl

Rows are {"prompt", "response"}. Packages: torch==2.13.0 transformers peft gguf. NLL is counted over the response's
tokens and the end-of-turn token after it, for both.
"""
import argparse, json, os, resource, subprocess, sys, tempfile, time
import torch
from transformers import AutoModelForCausalLM
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers, AddedToken
from gguf import GGUFReader

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def tokenizer(path):
    reader = GGUFReader(path)
    field = lambda k: [bytes(reader.fields[k].parts[i]).decode("utf-8") for i in reader.fields[k].data]
    tokens, merges = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges")
    tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[tuple(m.split(" ")) for m in merges]))
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tok.add_special_tokens([AddedToken(t, special=True) for t in ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]])
    return tok


def encode(tok, row):
    head = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{row['prompt']}<|im_end|>\n<|im_start|>assistant\n"
    prompt, response = tok.encode(head).ids, tok.encode(row["response"] + "<|im_end|>").ids
    newline = tok.encode("\n").ids
    return prompt + response + newline, [-100] * len(prompt) + response + [-100] * len(newline)


def batch_of(rows):
    longest = max(len(ids) for ids, _ in rows)
    pad = lambda v, fill: v + [fill] * (longest - len(v))
    return (torch.tensor([pad(i, 2) for i, _ in rows]), torch.tensor([pad(l, -100) for _, l in rows]),
            torch.tensor([[1] * len(i) + [0] * (longest - len(i)) for i, _ in rows]))


def loss_sum(model, rows):
    ids, labels, mask = batch_of(rows)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    target = labels[:, 1:]
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), target.reshape(-1), ignore_index=-100, reduction="sum")
    return loss, (target != -100).sum()


def nll(model, rows):
    model.eval()
    with torch.no_grad():
        parts = [loss_sum(model, [row]) for row in rows]
    return float(sum(l for l, _ in parts)) / int(sum(c for _, c in parts))


def peft(args, train, held_out):
    torch.manual_seed(0)
    name = next(f for f in os.listdir(args.base) if f.endswith(".gguf"))
    model = AutoModelForCausalLM.from_pretrained(args.base, gguf_file=name, dtype=getattr(torch, args.dtype))
    model = get_peft_model(model, LoraConfig(
        r=16, lora_alpha=32, target_modules="all-linear", lora_dropout=0, task_type="CAUSAL_LM"))
    before = nll(model, held_out)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4)
    model.train()
    began = time.time()
    for start in range(0, len(train), 8):
        loss, count = loss_sum(model, train[start:start + 8])
        (loss / count).backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        print(f"\rPEFT step {start // 8 + 1}/{(len(train) + 7) // 8} loss {float(loss / count):.4f}", end="", file=sys.stderr)
    seconds = time.time() - began
    print(file=sys.stderr)
    return {"before": before, "after": nll(model, held_out), "seconds": seconds,
            "tokens_per_second": sum(len(i) for i, _ in train) / seconds,
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def motet(args):
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run(
            [args.motet, "train", "--base", args.base, "--data", args.train, "--eval", args.eval, "--output", folder + "/a",
             "--rank", "16", "--lr", "2e-4", "--schedule", "constant", "--warmup", "0", "--batch", "8", "--no-shuffle",
             "--precision", "bf16" if args.dtype == "bfloat16" else "f32", "--json"], check=True, stdout=subprocess.PIPE, text=True).stdout
    r = json.loads(out)
    return {"before": r["eval_nll_before"], "after": r["eval_nll_after"], "seconds": r["seconds"],
            "tokens_per_second": r["tokens_per_second"], "peak_rss_bytes": r["peak_rss_bytes"]}


parser = argparse.ArgumentParser()
for option in ["motet", "base", "train", "eval"]:
    parser.add_argument("--" + option, required=True)
parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
args = parser.parse_args()
args.base = os.path.expanduser(args.base)
tok = tokenizer(os.path.join(args.base, next(f for f in os.listdir(args.base) if f.endswith(".gguf"))))
read = lambda path: [encode(tok, json.loads(line)) for line in open(path) if line.strip()]
ours = motet(args)
theirs = peft(args, read(args.train), read(args.eval))
print(f"{'':8}{'NLL before':>12}{'NLL after':>12}{'tokens/s':>10}{'seconds':>9}{'peak MB':>9}")
for name, r in [("PEFT", theirs), ("Motet", ours)]:
    print(f"{name:8}{r['before']:12.4f}{r['after']:12.4f}{r['tokens_per_second']:10.0f}{r['seconds']:9.1f}{r['peak_rss_bytes'] / 1e6:9.0f}")
print(f"Motet / PEFT: {ours['tokens_per_second'] / theirs['tokens_per_second']:.2f} times the speed, "
      f"NLL after {ours['after'] - theirs['after']:+.4f}")
