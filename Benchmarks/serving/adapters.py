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

LAYERS, HIDDEN, INNER, HEADS, KV_HEADS, RANK, ALPHA = 30, 576, 1536, 9, 3, 16, 32
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


def write(out, index):
    generator = numpy.random.default_rng(index)
    name = f"a{index}"
    folder = out / "peft" / name
    folder.mkdir(parents=True, exist_ok=True)
    (out / "gguf").mkdir(exist_ok=True)
    tensors = {}
    writer = gguf.GGUFWriter(out / "gguf" / f"{name}.gguf", "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", ALPHA)
    for layer in range(LAYERS):
        for module, (inputs, outputs, theirs, heads) in MODULES.items():
            a = generator.uniform(-1, 1, (RANK, inputs)).astype(numpy.float32) / inputs**0.5
            b = generator.normal(0, 0.01, (outputs, RANK)).astype(numpy.float32)
            place = f"base_model.model.model.layers.{layer}.{module}"
            tensors[f"{place}.lora_A.weight"], tensors[f"{place}.lora_B.weight"] = a, b
            writer.add_tensor(f"blk.{layer}.{theirs}.weight.lora_a", a.astype(numpy.float16))
            writer.add_tensor(
                f"blk.{layer}.{theirs}.weight.lora_b", reordered(b, heads).astype(numpy.float16))
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": ALPHA, "lora_dropout": 0.0,
        "bias": "none", "target_modules": sorted(module.split(".")[1] for module in MODULES),
        "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
    }, indent=1))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    for index in range(int(sys.argv[2]) if len(sys.argv) > 2 else 8):
        write(out, index)
