"""Adapters and models both ways between Motet and PEFT/transformers, on SmolLM2-135M-Instruct in f32.

    python Benchmarks/interop.py .build/release/motet ~/.motet/models/smollm2-135m-instruct WORKFOLDER

1. A random adapter that PEFT wrote gives the same NLL and the same greedy text here as there.
2. An adapter that `motet train` wrote loads in PEFT and gives the same NLL as here.
3. The same two ways for DoRA (`use_dora`) and IA3; and PEFT refuses a mixture of experts, which it does not have.
4. `motet fuse` of both, weighted, loads in transformers: the logits of PEFT's adapters on the base, the
   tokenizer's ids, the chat template; and it loads here again.
4. The methods that are no update of a matrix: a soft prompt and a prefix that PEFT wrote give the same NLL and greedy
   text here, those that `motet train` wrote the same NLL there; PEFT refuses Motet's bottleneck modules by name.

Exits with status 1 when a difference passes its limit. Packages: torch==2.13.0 transformers peft gguf.
"""
import json, os, subprocess, sys
import torch
from gguf import GGUFReader
from peft import IA3Config, LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

motet, base_folder, work = sys.argv[1:4]
os.makedirs(work, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(3)
gguf = next(f for f in os.listdir(base_folder) if f.endswith(".gguf"))
place = lambda name: os.path.join(work, name)
failures = []

ROWS = [("What is 3/4 of 12?", "3/4 of 12 is 9."), ("Who wrote Hamlet?", "William Shakespeare wrote Hamlet."),
        ("Reverse a string in Python.", "def reverse(text):\n    return text[::-1]"),
        ("Name three primes.", "2, 3 and 5"), ("Solve x + 4 = 9.", "x = 5"), ("What is H2O?", "Water.")]
with open(place("rows.jsonl"), "w") as f:
    f.writelines(json.dumps({"prompt": p, "response": r}) + "\n" for p, r in ROWS)


def run(*arguments):
    result = subprocess.run([motet, *arguments], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"motet {' '.join(arguments)}: {result.stderr}")
    return result.stdout


def check(what, difference, limit):
    print(f"{what}: {difference:.3g} (limit {limit:g})", flush=True)
    if not difference <= limit:
        failures.append(what)


# The GGUF's own tokenizer, put together with `tokenizers`.
reader = GGUFReader(os.path.join(base_folder, gguf))
field = lambda k: [bytes(reader.fields[k].parts[i]).decode("utf-8") for i in reader.fields[k].data]
kinds = [int(reader.fields["tokenizer.ggml.token_type"].parts[i][0]) for i in reader.fields["tokenizer.ggml.token_type"].data]
tokens, merges = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges")
del reader
tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[tuple(m.split(" ")) for m in merges]))
tok.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
tok.decoder = decoders.ByteLevel()
tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, kinds) if k == 3])

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
def head(prompt):
    return f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"


@torch.no_grad()
def nll(model):
    total = count = 0
    for prompt, response in ROWS:
        first = tok.encode(head(prompt)).ids
        x = torch.tensor([first + tok.encode(f"{response}<|im_end|>").ids])
        # A soft prompt's own positions come first.
        scores = model(x).logits[0, -x.shape[1]:]
        losses = torch.nn.functional.cross_entropy(scores[:-1], x[0, 1:], reduction="none")
        total, count = total + losses[len(first) - 1:].sum().item(), count + x.shape[1] - len(first)
    return total / count, count


@torch.no_grad()
def logits(model):
    return torch.cat([model(torch.tensor([tok.encode(head(p)).ids])).logits[0, -1] for p, _ in ROWS[:3]])


@torch.no_grad()
def greedy(model, prompt, count=24):
    ids = tok.encode(head(prompt)).ids
    x = torch.tensor([ids])
    out = model.generate(input_ids=x, attention_mask=torch.ones_like(x), max_new_tokens=count, do_sample=False, eos_token_id=2, pad_token_id=2)
    out = out[0, len(ids):].tolist()
    return tok.decode(out[: out.index(2)] if 2 in out else out)


def ours(mix, base=base_folder):
    return json.loads(run("evaluate", "--base", base, "--mix", mix, "--data", place("rows.jsonl"), "--json", "--precision", "f32"))


def text(mix, prompt, base=base_folder):
    return json.loads(run("generate", "--base", base, "--mix", mix, "--prompt", prompt, "--max-tokens", "24", "--json",
                          "--precision", "f32"))["text"]


base = AutoModelForCausalLM.from_pretrained(base_folder, gguf_file=gguf, dtype=torch.float32).eval()
value, count = nll(base)
mine = ours("base")
check("base: NLL, Motet against transformers", abs(mine["value"] - value), 1e-4)
check("base: labels", abs(mine["count"] - count), 0)

peft = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
for name, parameter in peft.named_parameters():
    if "lora_B" in name:
        parameter.data.normal_(0, 0.03)
peft.save_pretrained(place("random"))
value, _ = nll(peft)
mine = ours(place("random"))["value"]
print(f"random adapter: NLL {value:.6f} in PEFT, {mine:.6f} in Motet, {ours('base')['value']:.6f} without")
check("random adapter of PEFT: NLL", abs(mine - value), 1e-4)
for prompt, _ in ROWS[:3]:
    theirs, mine = greedy(peft, prompt), text(place("random"), prompt)
    check(f"random adapter of PEFT: greedy text of {prompt!r} differs", theirs.strip() != mine.strip(), 0)
base = peft.unload()


def change(model, key, size):
    for name, parameter in model.named_parameters():
        if key in name:
            parameter.data.add_(size * parameter.data.abs().mean() * torch.randn_like(parameter))


for method, config in (("dora", LoraConfig(r=8, lora_alpha=16, use_dora=True, target_modules="all-linear", task_type="CAUSAL_LM")),
                       ("ia3", IA3Config(task_type="CAUSAL_LM"))):
    peft = get_peft_model(base, config)
    for name, parameter in peft.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.03)
    change(peft, "magnitude", 0.05)
    change(peft, "ia3_l", 0.1)
    peft.save_pretrained(place(method))
    value, mine = nll(peft)[0], ours(place(method))["value"]
    print(f"{method} adapter of PEFT: NLL {value:.6f} in PEFT, {mine:.6f} in Motet")
    check(f"{method} adapter of PEFT: NLL", abs(mine - value), 1e-4)
    base = peft.unload()
    run("train", "--base", base_folder, "--data", place("rows.jsonl"), "--output", place(f"{method}-trained"), "--method", method,
        "--epochs", "4", "--batch", "3", "--overwrite", "--precision", "f32")
    peft = PeftModel.from_pretrained(base, place(f"{method}-trained")).eval()
    value, mine = nll(peft)[0], ours(place(f"{method}-trained"))["value"]
    print(f"{method} adapter of motet train: NLL {value:.6f} in PEFT, {mine:.6f} in Motet")
    check(f"{method} adapter of Motet in PEFT: NLL", abs(mine - value), 1e-3)
    base = peft.unload()

run("train", "--base", base_folder, "--data", place("rows.jsonl"), "--output", place("moe"), "--method", "moe", "--rank", "2",
    "--targets", "q_proj", "--batch", "3", "--overwrite", "--precision", "f32")
try:
    PeftModel.from_pretrained(base, place("moe"))
    failures.append("PEFT loads a mixture of experts")
except (KeyError, ValueError) as error:
    print(f"a mixture of experts in PEFT: {type(error).__name__} {error}")

run("train", "--base", base_folder, "--data", place("rows.jsonl"), "--output", place("trained"), "--rank", "8", "--epochs", "8",
    "--batch", "3", "--lr", "1e-3", "--overwrite", "--precision", "f32")
trained = PeftModel.from_pretrained(base, place("trained")).eval()
value, _ = nll(trained)
mine = ours(place("trained"))["value"]
print(f"adapter of motet train: NLL {value:.6f} in PEFT, {mine:.6f} in Motet")
check("adapter of Motet in PEFT: NLL", abs(mine - value), 1e-3)

# 0.5 of one and 0.75 of the other, as adapters in PEFT: the scales say the weights.
trained.load_adapter(place("random"), "random")
trained.base_model.set_adapter(["default", "random"])
for module in trained.modules():
    if isinstance(getattr(module, "scaling", None), dict) and "random" in module.scaling:
        module.scaling["default"] *= 0.5
        module.scaling["random"] *= 0.75
mix = f"{place('trained')}=0.5+{place('random')}=0.75"
wanted, (value, _) = logits(trained), nll(trained)
words = {p: greedy(trained, p) for p, _ in ROWS[:3]}
check("mix: NLL, Motet against PEFT", abs(ours(mix)["value"] - value), 1e-3)
del trained, base, peft

print(run("fuse", "--base", base_folder, "--mix", mix, "--output", place("fused"), "--overwrite").strip())
fused = AutoModelForCausalLM.from_pretrained(place("fused")).eval()
print(f"fused model: {type(fused).__name__} in {fused.dtype}")
check("fused in transformers: logits against PEFT's adapters", (logits(fused) - wanted).abs().max().item(), 1e-3)
check("fused in transformers: NLL against Motet's mix", abs(nll(fused)[0] - ours(mix)["value"]), 1e-3)
check("fused in Motet: NLL against transformers", abs(ours("base", place("fused"))["value"] - nll(fused)[0]), 1e-4)
for prompt, expected in words.items():
    for what, found in (("transformers", greedy(fused, prompt)), ("Motet", text("base", prompt, place("fused"))), ("the mix", text(mix, prompt))):
        check(f"greedy text of {prompt!r} in {what} differs", found.strip() != expected.strip(), 0)

auto = AutoTokenizer.from_pretrained(place("fused"))
lines = [l for p, r in ROWS for l in (p, r)] + [
    "1234567 3.14 x² 漢字かな 👩‍👩‍👧 naïve  \t double  spaces\n\n\nend ", "<|im_end|> <|im_start|>user <repo_name> it's we'll I'D",
    "def f(x):\n\treturn x**2 # ①②", "\u200bzero\u00a0width\r\n"] + [head(p) for p, _ in ROWS]
check("AutoTokenizer: texts with other ids", sum(auto(l)["input_ids"] != tok.encode(l).ids for l in lines), 0)
check("AutoTokenizer: texts that decode otherwise", sum(auto.decode(auto(l)["input_ids"]) != tok.decode(tok.encode(l).ids, skip_special_tokens=False) for l in lines), 0)
chat = auto.apply_chat_template([{"role": "user", "content": ROWS[0][0]}], tokenize=False, add_generation_prompt=True)
check("AutoTokenizer: the chat template differs", chat != head(ROWS[0][0]), 0)
check("AutoTokenizer: end of turn", abs(auto.eos_token_id - 2), 0)
del fused

for method, configuration in (("prompt", PromptTuningConfig), ("prefix", PrefixTuningConfig)):
    base = AutoModelForCausalLM.from_pretrained(base_folder, gguf_file=gguf, dtype=torch.float32).eval()
    peft = get_peft_model(base, configuration(task_type="CAUSAL_LM", num_virtual_tokens=8))
    peft.prompt_encoder["default"].embedding.weight.data.normal_(0, 0.1)
    folder = place(f"random-{method}")
    peft.save_pretrained(folder)
    value, _ = nll(peft)
    mine = ours(folder)["value"]
    print(f"random {method}: NLL {value:.6f} in PEFT, {mine:.6f} in Motet, {ours('base')['value']:.6f} without")
    check(f"random {method} of PEFT: NLL", abs(mine - value), 1e-4)
    for prompt, _ in ROWS[:3]:
        theirs, mine = greedy(peft, prompt), text(folder, prompt)
        check(f"random {method} of PEFT: greedy text of {prompt!r} differs", theirs.strip() != mine.strip(), 0)
    del peft, base
    folder = place(f"trained-{method}")
    run("train", "--base", base_folder, "--data", place("rows.jsonl"), "--output", folder, "--method", method,
        "--virtual-tokens", "8", "--epochs", "8", "--batch", "3", "--overwrite", "--precision", "f32")
    base = AutoModelForCausalLM.from_pretrained(base_folder, gguf_file=gguf, dtype=torch.float32).eval()
    trained = PeftModel.from_pretrained(base, folder).eval()
    value, _ = nll(trained)
    mine = ours(folder)["value"]
    print(f"{method} of motet train: NLL {value:.6f} in PEFT, {mine:.6f} in Motet")
    check(f"{method} of Motet in PEFT: NLL", abs(mine - value), 1e-4)
    for prompt, _ in ROWS[:3]:
        theirs, mine = greedy(trained, prompt), text(folder, prompt)
        check(f"{method} of Motet in PEFT: greedy text of {prompt!r} differs", theirs.strip() != mine.strip(), 0)
    del trained, base

run("train", "--base", base_folder, "--data", place("rows.jsonl"), "--output", place("modules"), "--method", "bottleneck",
    "--epochs", "1", "--overwrite", "--precision", "f32")
base = AutoModelForCausalLM.from_pretrained(base_folder, gguf_file=gguf, dtype=torch.float32).eval()
try:
    PeftModel.from_pretrained(base, place("modules"))
    check("bottleneck modules: PEFT takes them for something else", 1, 0)
except Exception as error:
    print(f"bottleneck modules: PEFT says {type(error).__name__}: {error}")
    check("bottleneck modules: PEFT does not name the method", "MOTET_BOTTLENECK" not in str(error), 0)
print(f"failed: {failures}" if failures else "all within their limits")
sys.exit(1 if failures else 0)
