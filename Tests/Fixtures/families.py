"""Makes Tests/Fixtures/families: for each family a few tiny random models saved by `transformers`, what it computes with
them in f32, and what PEFT's gradients are.

    python Tests/Fixtures/families.py [FAMILY ...]

families/NAME-SETTING/
    model/                 config.json, model.safetensors (or shards)
    model.gguf             the same, by the `gguf` package: of the first setting of a family
    adapter/               LoRA by PEFT on all linear layers, rank 2
    expected.safetensors   tokens [n], logits [n, vocabulary], greedy [20], the same with the adapter,
                           gradients of the adapter's parameters (`grad.NAME`) of the mean loss over tokens[1:]
    modules.json           the modules that PEFT's all-linear takes

Packages: torch==2.13.0 transformers==5.24.0 peft gguf.
"""
import json, os, shutil, sys
import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM, Gemma2Config, Gemma3TextConfig, GemmaConfig, GPT2Config, GraniteConfig, LlamaConfig, MistralConfig,
    Olmo2Config, Phi3Config, Qwen2Config, Qwen3Config, SmolLM3Config)

HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY, LENGTH = 61, 22
SMALL = dict(
    vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=None)
SLIDE = ["sliding_attention", "full_attention"]


def small(**changes):
    return {**SMALL, **changes}


def rope(kind, **members):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=10000.0, **members))


DIM8 = dict(head_dim=8)
FACTORS = dict(short_factor=[1.0, 1.1, 1.3, 1.7], long_factor=[1.5, 2.0, 3.0, 5.0])
# name, setting, configuration, how it is saved
MODELS = [
    ("llama", "plain", LlamaConfig(**small(tie_word_embeddings=False)), {}),
    ("llama", "tied-bias", LlamaConfig(**small(tie_word_embeddings=True, attention_bias=True, mlp_bias=True, **DIM8)),
     dict(dtype=torch.bfloat16)),
    ("llama", "wide-odd", LlamaConfig(**small(hidden_size=20, intermediate_size=25, num_attention_heads=2, num_key_value_heads=1,
                                              head_dim=6)), dict(dtype=torch.float16)),
    ("llama", "sharded", LlamaConfig(**small(num_key_value_heads=4)), dict(max_shard_size="6KB")),
    ("llama", "rope-linear", LlamaConfig(**small(**DIM8, **rope("linear", factor=3.0))), {}),
    ("llama", "rope-dynamic", LlamaConfig(**small(**DIM8, **{**rope("dynamic", factor=3.0), "max_position_embeddings": 32})), {}),
    ("llama", "rope-llama3", LlamaConfig(**small(**DIM8, **rope(
        "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16))), {}),
    ("llama", "rope-yarn", LlamaConfig(**small(**DIM8, **rope("yarn", factor=4.0, original_max_position_embeddings=16))), {}),
    ("llama", "rope-longrope", LlamaConfig(**small(**DIM8, **rope(
        "longrope", original_max_position_embeddings=32, **FACTORS))), {}),
    ("llama", "mistral", MistralConfig(**small(sliding_window=7, **DIM8)), {}),
    ("smollm3", "plain", SmolLM3Config(**small(num_hidden_layers=4, no_rope_layer_interval=4)), {}),
    ("qwen2", "plain", Qwen2Config(**small(tie_word_embeddings=True)), {}),
    ("qwen2", "window", Qwen2Config(**small(use_sliding_window=True, sliding_window=5, max_window_layers=1)), dict(dtype=torch.bfloat16)),
    ("qwen3", "plain", Qwen3Config(**small(**DIM8)), {}),
    ("qwen3", "tied", Qwen3Config(**small(tie_word_embeddings=True, attention_bias=True, num_key_value_heads=1, head_dim=12)),
     dict(dtype=torch.float16)),
    ("gemma", "plain", GemmaConfig(**small(num_key_value_heads=1, **DIM8)), {}),
    ("gemma2", "plain", Gemma2Config(**small(
        sliding_window=6, layer_types=SLIDE, query_pre_attn_scalar=8, attn_logit_softcapping=2.0, final_logit_softcapping=3.0,
        **DIM8)), {}),
    ("gemma3", "plain", Gemma3TextConfig(**small(
        num_hidden_layers=3, num_key_value_heads=1, sliding_window=6, query_pre_attn_scalar=8,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"], **DIM8)), {}),
    ("gemma3", "scalar", Gemma3TextConfig(**small(
        sliding_window=6, query_pre_attn_scalar=10, layer_types=SLIDE, final_logit_softcapping=2.0, head_dim=10,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0},
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 90000.0}})), dict(dtype=torch.bfloat16)),
    ("phi3", "plain", Phi3Config(**small(sliding_window=None)), {}),
    ("phi3", "longrope", Phi3Config(**small(
        num_key_value_heads=1, num_attention_heads=2, hidden_size=32, original_max_position_embeddings=32, sliding_window=50,
        rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.5, **FACTORS))),
     dict(dtype=torch.bfloat16)),
    ("olmo2", "plain", Olmo2Config(**small()), {}),
    ("granite", "plain", GraniteConfig(**small(
        embedding_multiplier=6.0, attention_multiplier=0.3, residual_multiplier=0.4, logits_scaling=2.5)), {}),
    ("granite", "tied-bias", GraniteConfig(**small(
        tie_word_embeddings=True, attention_bias=True, embedding_multiplier=2.0, attention_multiplier=0.5, residual_multiplier=0.7,
        logits_scaling=3.0)), dict(dtype=torch.bfloat16)),
    ("gpt2", "plain", GPT2Config(
        vocab_size=VOCABULARY, n_positions=64, n_embd=16, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2), {}),
    ("gpt2", "inverse-layer", GPT2Config(
        vocab_size=VOCABULARY, n_positions=64, n_embd=20, n_layer=2, n_head=2, n_inner=28, activation_function="gelu",
        scale_attn_by_inverse_layer_idx=True, bos_token_id=1, eos_token_id=2), dict(dtype=torch.float16)),
]
GGUF_NAMES = {"llama": "llama", "smollm3": "smollm3", "qwen2": "qwen2", "qwen3": "qwen3", "gemma": "gemma", "gemma2": "gemma2",
              "gemma3": "gemma3", "phi3": "phi3", "olmo2": "olmo2", "granite": "granite", "gpt2": "gpt2"}


def randomize(model, seed):
    """Weights large enough that every part of the model shows in the logits."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.copy_(torch.randn(p.shape, generator=generator) * 0.3 + (p.mean().round()))
            else:
                fan = p.shape[0] if "c_" in name else p.shape[-1]
                p.copy_(torch.randn(p.shape, generator=generator) * (1.2 / fan**0.5 if "embed" not in name and "wte" not in name else 1.0))


def permuted(w, heads):
    """As llama.cpp's converter reorders the rows of q and k."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def write_gguf(path, family, config, state):
    arch = GGUF_NAMES[family]
    number = next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch)
    heads, kv = config.num_attention_heads, getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    w = gguf.GGUFWriter(path, arch)
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_block_count(config.num_hidden_layers)
    w.add_feed_forward_length(getattr(config, "intermediate_size", None) or 4 * config.hidden_size)
    w.add_head_count(heads)
    dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    if family != "gpt2":
        w.add_head_count_kv(kv)
        w.add_key_length(dim)
        w.add_value_length(dim)
        w.add_layer_norm_rms_eps(config.rms_norm_eps)
        rotation = config.rope_parameters
        w.add_rope_freq_base(rotation["full_attention"]["rope_theta"] if "full_attention" in rotation else rotation["rope_theta"])
    else:
        w.add_layer_norm_eps(config.layer_norm_epsilon)
    if family == "llama" or family == "phi3" or family == "granite":
        w.add_rope_dimension_count(dim)
    if family.startswith("gemma") and getattr(config, "sliding_window", None):
        w.add_sliding_window(config.sliding_window)
    if family == "gemma3":
        w.add_uint32("gemma3.attention.sliding_window_pattern", 3)
    if family == "gemma2":
        w.add_attn_logit_softcapping(config.attn_logit_softcapping)
        w.add_final_logit_softcapping(config.final_logit_softcapping)
    if family == "granite":
        w.add_attention_scale(config.attention_multiplier)
        w.add_embedding_scale(config.embedding_multiplier)
        w.add_residual_scale(config.residual_multiplier)
        w.add_logit_scale(config.logits_scaling)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list([f"<{i}>" for i in range(VOCABULARY)])
    w.add_token_merges([])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    for name, t in state.items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        value = t.to(torch.float32).numpy()
        stem = name.removesuffix(".weight").removesuffix(".bias")
        if family in ("llama", "granite", "smollm3"):
            if stem.endswith("q_proj"):
                value = permuted(value, heads)
            if stem.endswith("k_proj"):
                value = permuted(value, kv)
        if family.startswith("gemma") and name.endswith("norm.weight"):
            value = value + 1
        if family == "gpt2" and stem.split(".")[-1] in ("c_attn", "c_proj", "c_fc") and value.ndim == 2:
            value = value.T
        own = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert own, name
        w.add_tensor(own, np.ascontiguousarray(value))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def run(model, tokens):
    with torch.no_grad():
        logits = model(tokens[None]).logits[0].float()
        prompt = tokens[:6][None]
        out = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0)
    return logits.contiguous(), out[0, 6:].to(torch.int32).contiguous()


def make(number, family, setting, config, saving):
    folder = os.path.join(HERE, "families", f"{family}-{setting}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    config._attn_implementation = "eager"
    dtype = saving.pop("dtype", torch.float32)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    randomize(model, 100 + number)
    # What the file holds is what both compute with.
    model = model.to(dtype)
    model.save_pretrained(os.path.join(folder, "model"), **saving)
    os.path.exists(os.path.join(folder, "model", "generation_config.json")) and os.remove(
        os.path.join(folder, "model", "generation_config.json"))
    model = AutoModelForCausalLM.from_pretrained(
        os.path.join(folder, "model"), dtype=torch.float32, attn_implementation="eager").eval()
    tokens = torch.randint(3, VOCABULARY, (LENGTH,), generator=torch.Generator().manual_seed(number))
    logits, greedy = run(model, tokens)
    expected = {"tokens": tokens.to(torch.int32), "logits": logits, "greedy": greedy}
    if setting == "plain":
        write_gguf(os.path.join(folder, "model.gguf"), family, config, model.state_dict())

    torch.manual_seed(number)
    adapted = get_peft_model(model, LoraConfig(
        r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False,
        fan_in_fan_out=family == "gpt2"))
    adapted.save_pretrained(os.path.join(folder, "adapter"))
    os.remove(os.path.join(folder, "adapter", "README.md"))
    place = os.path.join(folder, "adapter", "adapter_config.json")
    with open(place) as file:
        members = json.load(file)
    members["base_model_name_or_path"] = os.path.basename(folder)
    with open(place, "w") as file:
        json.dump(members, file, indent=2)
    expected["adapted.logits"], expected["adapted.greedy"] = run(adapted, tokens)
    loss = torch.nn.functional.cross_entropy(adapted(tokens[None]).logits[0, :-1].float(), tokens[1:])
    loss.backward()
    expected["adapted.loss"] = loss.detach()[None]
    for name, p in adapted.named_parameters():
        if p.requires_grad:
            expected["grad." + name.replace(".default", "")] = p.grad.contiguous()
    save_file(expected, os.path.join(folder, "expected.safetensors"))
    modules = sorted({n.split(".lora_A")[0].removeprefix("base_model.model.") for n, _ in adapted.named_parameters() if ".lora_A" in n})
    with open(os.path.join(folder, "modules.json"), "w") as file:
        json.dump(modules, file, indent=0)
    print(f"{family}-{setting}: loss {loss.item():.4f}, logits of {logits.abs().max():.2f}", file=sys.stderr)


for number, (family, setting, config, saving) in enumerate(MODELS):
    if len(sys.argv) == 1 or family in sys.argv[1:]:
        make(number, family, setting, config, saving)
