"""Random adapters of rank 16 on every linear module of SmolLM2-135M: the same values as PEFT folders and as GGUF files.

    python Benchmarks/serving/adapters.py OUT [COUNT]

OUT/peft/a0, OUT/peft/a1, ... and OUT/gguf/a0.gguf, ... The values are small, so that answers stay text.
"""

import json
import pathlib
import sys

import gguf
import numpy
from safetensors.numpy import save_file

LAYERS, HIDDEN, INNER, HEADS, KV_HEADS, RANK = 30, 576, 1536, 9, 3, 16
HEAD = HIDDEN // HEADS
# Module: inputs, outputs, llama.cpp's name, heads whose rows llama.cpp reorders.
MODULES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN, "attn_q", HEADS),
    "self_attn.k_proj": (HIDDEN, KV_HEADS * HEAD, "attn_k", KV_HEADS),
    "self_attn.v_proj": (HIDDEN, KV_HEADS * HEAD, "attn_v", 0),
    "self_attn.o_proj": (HIDDEN, HIDDEN, "attn_output", 0),
    "mlp.gate_proj": (HIDDEN, INNER, "ffn_gate", 0),
    "mlp.up_proj": (HIDDEN, INNER, "ffn_up", 0),
    "mlp.down_proj": (INNER, HIDDEN, "ffn_down", 0),
}


def reordered(b, heads):
    """Rows (head, half, pair) to (head, pair, half), as llama.cpp's converter leaves q and k."""
    return b.reshape(heads, 2, b.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(b.shape) if heads else b


def factors(seed, rank=RANK, scale=0.01):
    """Place, such as layers.3.mlp.up_proj, to A `[rank, inputs]` and B `[outputs, rank]`; `scale` is B's deviation."""
    generator = numpy.random.default_rng(seed)
    made = {}
    for layer in range(LAYERS):
        for module, (inputs, outputs, _, _) in MODULES.items():
            a = generator.uniform(-1, 1, (rank, inputs)).astype(numpy.float32) / inputs**0.5
            made[f"layers.{layer}.{module}"] = (a, generator.normal(0, scale, (outputs, rank)).astype(numpy.float32))
    return made


def write_peft(folder, made):
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for place, (a, b) in made.items():
        name = f"base_model.model.model.{place}"
        tensors[f"{name}.lora_A.weight"], tensors[f"{name}.lora_B.weight"] = a, b
    save_file(tensors, folder / "adapter_model.safetensors")
    rank = len(next(iter(made.values()))[0])
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0,
        "bias": "none", "target_modules": sorted(module.split(".")[1] for module in MODULES),
        "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
    }, indent=1))


def write_gguf(path, made):
    path.parent.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2 * RANK)
    for place, (a, b) in made.items():
        _, layer, module = place.split(".", 2)
        _, _, theirs, heads = MODULES[module]
        writer.add_tensor(f"blk.{layer}.{theirs}.weight.lora_a", a.astype(numpy.float16))
        writer.add_tensor(f"blk.{layer}.{theirs}.weight.lora_b", reordered(b, heads).astype(numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write(out, index):
    made = factors(index)
    write_peft(out / "peft" / f"a{index}", made)
    write_gguf(out / "gguf" / f"a{index}.gguf", made)


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    for index in range(int(sys.argv[2]) if len(sys.argv) > 2 else 8):
        write(out, index)
