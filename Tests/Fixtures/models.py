"""Makes Tests/Fixtures/models/smollm2.json: what `transformers` computes in f32 with SmolLM2-135M-Instruct, read
from the GGUF that the package index ships, for the tests of MotetModels.

    python Tests/Fixtures/models.py ~/.motet/models/smollm2-135m-instruct

For each prompt: the token ids of the chat template, logits at a spread of vocabulary entries for the last
position, their log-sum-exp, and 40 greedy tokens. Packages: torch==2.13.0 transformers gguf.
"""
import json, os, sys
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, AddedToken
from gguf import GGUFReader

folder = sys.argv[1]
name = next(f for f in os.listdir(folder) if f.endswith(".gguf"))
torch.set_num_threads(1)

reader = GGUFReader(os.path.join(folder, name))
field = lambda k: [bytes(reader.fields[k].parts[i]).decode("utf-8") for i in reader.fields[k].data]
tokens, merges = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges")
tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[tuple(m.split(" ")) for m in merges]))
tok.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
tok.decoder = decoders.ByteLevel()
tok.add_special_tokens([AddedToken(t, special=True) for t in ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]])

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
PROMPTS = [
    "What is 3/4 of 12?", "Write Python code to solve quadratic equations.", "Who wrote Hamlet?",
    "Explain photosynthesis in one sentence.", "Translate 'good morning' to French.", "List three prime numbers.",
    "def fibonacci(n):", "Tell me a joke about cats.", "What is the capital of Australia?",
    "Summarize: The quick brown fox jumps over the lazy dog.", "Solve x^2 - 5x + 6 = 0.",
    "How do I boil an egg?", "Name the planets of the solar system.", "What does HTTP 404 mean?",
    "Write a haiku about rain.", "If a train travels 60 km in 45 minutes, how fast is it?",
    "Sort these numbers: 9, 4, 7, 1.", "What is the opposite of 'ancient'?", "Describe a sunset over the sea.",
    "Convert 100 degrees Fahrenheit to Celsius.", "Give me a synonym for happy.", "Why is the sky blue?",
]

model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
entries = list(range(0, len(tokens), 97))
rows = []
for prompt in PROMPTS:
    text = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
    ids = tok.encode(text).ids
    with torch.no_grad():
        x = torch.tensor([ids])
        logits = model(x).logits[0, -1]
        out = model.generate(x, attention_mask=torch.ones_like(x), max_new_tokens=40, do_sample=False, eos_token_id=2, pad_token_id=2)[0, len(ids):]
    greedy = out.tolist()
    if 2 in greedy:
        greedy = greedy[: greedy.index(2)]
    rows.append({"prompt": prompt, "ids": ids, "logits": [round(v, 5) for v in logits[entries].tolist()],
                 "log_sum_exp": float(torch.logsumexp(logits, 0)), "greedy": greedy})
    print(prompt, "->", tok.decode(greedy)[:80].replace("\n", " "), file=sys.stderr)
target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models", "smollm2.json")
os.makedirs(os.path.dirname(target), exist_ok=True)
json.dump({"stride": 97, "rows": rows}, open(target, "w"), separators=(",", ":"))
