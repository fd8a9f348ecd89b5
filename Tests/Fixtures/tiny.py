"""Makes Tests/Fixtures/tiny: a random Llama that `transformers` saved, a PEFT adapter on it, and what PyTorch
computes with the two in f32, for the tests of MotetModels, MotetAdapters and MotetTraining.

    python Tests/Fixtures/tiny.py

model/    2 layers, hidden 64, heads 4/2, a byte-level BPE with ChatML; weights that bf16 holds exactly
adapter/  rank 4, alpha 8, all seven modules, B not zero
expected.safetensors
    logits_base.N, logits.N     [tokens, vocabulary] for sequence N without and with the adapter
    grad.PATH.lora_A and _B     of the mean loss of the batch, before the first step
    stepK.PATH.lora_A and _B    after K steps of AdamW (lr 1e-3, weight decay 0.01) on that batch, K = 1 and 3
expected.json
    sequences; rows of the batch (tokens, labelled) with their NLL; the loss of each step; texts with their ids

Packages: torch==2.13.0 transformers peft tokenizers safetensors.
"""
import json, os, shutil
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

torch.set_num_threads(1)
torch.manual_seed(7)
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny")
shutil.rmtree(here, ignore_errors=True)

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator(
    ["the user and the assistant are in the house", "what is the answer to that"] * 3,
    trainers.BpeTrainer(vocab_size=288, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
fast = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, bos_token=SPECIAL[1], eos_token=SPECIAL[2], pad_token=SPECIAL[2], chat_template=TEMPLATE)
vocabulary = tokenizer.get_vocab_size()

model = LlamaForCausalLM(LlamaConfig(
    vocab_size=vocabulary, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=128, rms_norm_eps=1e-5, tie_word_embeddings=True,
    bos_token_id=1, eos_token_id=2, pad_token_id=2, initializer_range=0.15)).to(torch.bfloat16)
for name, parameter in model.named_parameters():
    if "norm" in name:
        parameter.data.add_(0.2 * torch.randn_like(parameter))
model.save_pretrained(os.path.join(here, "model"))
fast.save_pretrained(os.path.join(here, "model"))

# Read again: a model cast to bf16 and back keeps rotary frequencies rounded to bf16.
model = LlamaForCausalLM.from_pretrained(os.path.join(here, "model"), dtype=torch.float32)
peft = get_peft_model(model, LoraConfig(
    r=4, lora_alpha=8, target_modules=[f"{m}_proj" for m in ["q", "k", "v", "o", "gate", "up", "down"]],
    task_type="CAUSAL_LM"))
peft.peft_config["default"].base_model_name_or_path = "tiny"
for name, parameter in peft.named_parameters():
    if "lora_B" in name:
        parameter.data.normal_(0, 0.1)
peft.save_pretrained(os.path.join(here, "adapter"))
os.remove(os.path.join(here, "adapter", "README.md"))

factors = {}
for name, parameter in peft.named_parameters():
    if parameter.requires_grad:
        path = name.split("base_model.model.model.")[1].replace(".default.weight", "")
        factors[path] = parameter

tensors = {}
sequences = [torch.randint(3, vocabulary, (n,)).tolist() for n in (9, 5, 14)]
with torch.no_grad():
    for i, ids in enumerate(sequences):
        tensors[f"logits.{i}"] = peft(torch.tensor([ids])).logits[0].contiguous()
        with peft.disable_adapter():
            tensors[f"logits_base.{i}"] = peft(torch.tensor([ids])).logits[0].contiguous()

rows = []
for length, prompt in ((12, 5), (7, 3), (16, 10)):
    rows.append({"tokens": torch.randint(3, vocabulary, (length,)).tolist(),
                 "labelled": [i >= prompt for i in range(length)]})


def losses(row):
    ids = torch.tensor([row["tokens"]])
    each = torch.nn.functional.cross_entropy(peft(ids).logits[0, :-1], ids[0, 1:], reduction="none")
    return each[torch.tensor(row["labelled"][1:])]


optimizer = torch.optim.AdamW(list(factors.values()), lr=1e-3, weight_decay=0.01)
steps = []
for step in range(1, 4):
    parts = [losses(row) for row in rows]
    if step == 1:
        for row, part in zip(rows, parts):
            row["nll"] = part.mean().item()
    loss = torch.cat(parts).mean()
    optimizer.zero_grad()
    loss.backward()
    if step == 1:
        tensors.update({f"grad.{k}": p.grad.clone() for k, p in factors.items()})
    optimizer.step()
    steps.append(loss.item())
    if step in (1, 3):
        tensors.update({f"step{step}.{k}": p.detach().clone() for k, p in factors.items()})
tensors = {k: v.contiguous() for k, v in tensors.items()}
save_file(tensors, os.path.join(here, "expected.safetensors"))

texts = ["what is 12 + 30?", "the  house\n\tand é 漢字 👍", "a<|im_end|>b"]
chat = [{"role": "user", "content": "what is that?"}, {"role": "assistant", "content": "the answer"}]
ids = tokenizer.encode(fast.apply_chat_template(chat, tokenize=False)).ids
json.dump({
    "sequences": sequences, "rows": rows, "losses": steps,
    "texts": [{"text": t, "ids": tokenizer.encode(t).ids} for t in texts], "chat": ids,
}, open(os.path.join(here, "expected.json"), "w"), separators=(",", ":"))
