"""Adapters of the low-rank family, as `motet train` writes them, in PEFT: each loads and gives the same NLL in f32.

    python Benchmarks/interop_methods.py .build/release/motet BASE WORKFOLDER [METHOD…]

BASE is a folder with a GGUF file or with transformers' files, such as Tests/Fixtures/tiny/model. Exits with status 1 when
a difference passes its limit. Packages: torch==2.13.0 transformers peft gguf.
"""
import json, os, subprocess, sys
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

motet, base_folder, work = sys.argv[1:4]
os.makedirs(work, exist_ok=True)
torch.set_num_threads(1)
place = lambda name: os.path.join(work, name.replace("+", "plus"))
failures = []

METHODS = {
    "rslora": [], "lora+": [], "lora-fa": [], "pissa": [], "vera": [],
    "vera-bare": ["--method", "vera", "--save-projection", "false", "--projection-key", "5"],
    "sora": ["--sparsity", "60", "--lr", "3e-3"], "dylora": [], "adalora": ["--lr", "1e-2"],
    "adalora-peft": ["--method", "adalora", "--format", "adalora", "--lr", "1e-2"],
}
ROWS = [("What is 3/4 of 12?", "3/4 of 12 is 9."), ("Who wrote Hamlet?", "William Shakespeare wrote Hamlet."),
        ("Name three primes.", "2, 3 and 5"), ("Solve x + 4 = 9.", "x = 5")]
with open(place("rows.jsonl"), "w") as f:
    f.writelines(json.dumps({"prompt": p, "response": r}) + "\n" for p, r in ROWS)


def run(*arguments):
    result = subprocess.run([motet, *arguments], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"motet {' '.join(arguments)}: {result.stderr}")
    return result.stdout


def ours(mix):
    return json.loads(run("evaluate", "--base", base_folder, "--mix", mix, "--data", place("rows.jsonl"), "--json", "--precision", "f32"))["value"]


gguf = {"gguf_file": f for f in os.listdir(base_folder) if f.endswith(".gguf")}
tok = AutoTokenizer.from_pretrained(base_folder, **gguf)
base = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32, **gguf).eval()


@torch.no_grad()
def nll(model):
    total = count = 0
    for prompt, response in ROWS:
        text = tok.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        first = tok(text, add_special_tokens=False).input_ids
        x = torch.tensor([first + tok(f"{response}<|im_end|>", add_special_tokens=False).input_ids])
        losses = torch.nn.functional.cross_entropy(model(x).logits[0, :-1], x[0, 1:], reduction="none")
        total, count = total + losses[len(first) - 1:].sum().item(), count + x.shape[1] - len(first)
    return total / count


def check(what, difference, limit):
    if not difference <= limit:
        failures.append(what)


untouched = nll(base)
check("base", abs(untouched - ours("base")), 1e-4)
print(f"base: NLL {untouched:.6f}", flush=True)
for name, options in METHODS.items():
    if sys.argv[4:] and name not in sys.argv[4:]:
        continue
    run("train", "--base", base_folder, "--data", place("rows.jsonl"), "--output", place(name), "--rank", "8", "--epochs", "6",
        "--batch", "2", "--overwrite", "--precision", "f32", *([] if "--method" in options else ["--method", name]), *options)
    model = PeftModel.from_pretrained(base, place(name)).eval()
    theirs, mine = nll(model), ours(place(name))
    kind = type(model.peft_config["default"]).__name__
    ranks = sorted({v if isinstance(v, int) else sum(v) for v in (model.peft_config["default"].to_dict().get("rank_pattern") or {}).values()})
    print(f"{name}: {kind}, NLL {theirs:.6f} in PEFT, {mine:.6f} in Motet" + (f", ranks in the pattern {ranks}" if ranks else ""), flush=True)
    check(name, abs(theirs - mine), 1e-4)
    check(f"{name} learnt nothing", theirs - untouched, -1e-3)
    base = model.unload()
print(f"failed: {failures}" if failures else "all within their limits")
sys.exit(1 if failures else 0)
