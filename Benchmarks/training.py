"""PEFT (PyTorch) and Motet in turn on the same machine, base and rows: rank 16, alpha 32, all seven linear modules.

    python Benchmarks/training.py --motet .build/release/motet --base ~/.motet/models/smollm2-135m-instruct \
        --train train.jsonl --eval eval.jsonl

Rows are {"prompt", "response"}. Packages: torch==2.13.0 transformers peft gguf. Two cases:

rows    one epoch over --train as it stands, batches of 8, learning rate 2e-4 constant: NLL of --eval before and after
        (over the response's tokens and the end-of-turn token, for both), tokens without padding a second, peak memory
random  4 rows of 256 random tokens, every position labelled: tokens a second

PEFT runs in bf16, which is its faster format here, and in f32 too for the random tokens; Motet in bf16 and int8.
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
    model = peft_model(args, args.dtype)
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


def motet(args, precision):
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run(
            [args.motet, "train", "--base", args.base, "--data", args.train, "--eval", args.eval, "--output", folder + "/a",
             "--rank", "16", "--lr", "2e-4", "--schedule", "constant", "--warmup", "0", "--batch", "8", "--no-shuffle",
             "--precision", precision, "--json"], check=True, stdout=subprocess.PIPE, text=True).stdout
    r = json.loads(out)
    return {"before": r["eval_nll_before"], "after": r["eval_nll_after"], "seconds": r["seconds"],
            "tokens_per_second": r["tokens_per_second"], "peak_rss_bytes": r["peak_rss_bytes"]}


def motet_random(args, precision):
    out = subprocess.run([args.motet, "bench", "training", "--base", args.base, "--precision", precision, "--json"],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    report = json.loads(out)
    run = report["runs"][0]
    return run["measurement"]["tokens_per_second"], run["share_of_ceiling"]


def peft_random(args, dtype, steps=4):
    """In a process of its own: peak memory and thread pools start anew."""
    torch.manual_seed(0)
    model = peft_model(args, dtype)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    model.train()
    for step in range(steps + 1):
        if step == 1:
            began = time.time()
        ids = torch.randint(0, model.config.vocab_size, (4, 257))
        logits = model(input_ids=ids[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), ids[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return steps * 1024 / (time.time() - began)


def peft_model(args, dtype):
    name = next(f for f in os.listdir(args.base) if f.endswith(".gguf"))
    model = AutoModelForCausalLM.from_pretrained(args.base, gguf_file=name, dtype=getattr(torch, dtype))
    return get_peft_model(model, LoraConfig(
        r=16, lora_alpha=32, target_modules="all-linear", lora_dropout=0, task_type="CAUSAL_LM"))


def show_rows(results):
    print(f"{'rows':14}{'NLL before':>12}{'NLL after':>12}{'tokens/s':>10}{'seconds':>9}{'peak MB':>9}")
    for name, r in results:
        print(f"{name:14}{r['before']:12.4f}{r['after']:12.4f}{r['tokens_per_second']:10.0f}{r['seconds']:9.1f}{r['peak_rss_bytes'] / 1e6:9.0f}")
    theirs = results[0][1]
    for name, r in results[1:]:
        print(f"{name} / PEFT: {r['tokens_per_second'] / theirs['tokens_per_second']:.2f} times the speed, "
              f"NLL after {r['after'] - theirs['after']:+.4f}, {r['peak_rss_bytes'] / theirs['peak_rss_bytes']:.2f} of the memory")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
for option in ["motet", "base", "train", "eval"]:
    parser.add_argument("--" + option, required=True)
parser.add_argument("--case", default="rows,random", help="rows, random, or both between commas")
parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"], help="PEFT's, for the rows")
args = parser.parse_args()
args.base = os.path.expanduser(args.base)
tok = tokenizer(os.path.join(args.base, next(f for f in os.listdir(args.base) if f.endswith(".gguf"))))
read = lambda path: [encode(tok, json.loads(line)) for line in open(path) if line.strip()]
if "random" in args.case:
    ours = {p: motet_random(args, p) for p in ["bf16", "int8"]}
    theirs = {d: peft_random(args, d) for d in ["float32", "bfloat16"]}
    best = max(theirs.values())
    print("4 x 256 random tokens, every position labelled, tokens/s: "
          + ", ".join(f"PEFT {d} {v:.0f}" for d, v in theirs.items()))
    for precision, (speed, share) in ours.items():
        print(f"Motet {precision} {speed:.0f}: {speed / best:.2f} times PEFT's better, {100 * share:.1f}% of the bf16 ceiling")
if "rows" in args.case:
    results = [(f"Motet {p}", motet(args, p)) for p in ["bf16", "int8"]]
    show_rows([("PEFT", peft(args, read(args.train), read(args.eval)))] + results)
