"""Makes the fixtures of MotetFormatsTests with the reference packages, and reads what Motet wrote with them.

    python Tests/Fixtures/formats_interop.py make [GGUF]   # writes Tests/Fixtures/formats; GGUF: the real SmolLM2
    MOTET_INTEROP_OUTPUT=DIR swift test --filter MotetFormatsTests
    python Tests/Fixtures/formats_interop.py verify DIR    # loads what the tests left in DIR

Needs: numpy, safetensors, gguf, torch, transformers, peft.
"""

import json
import pathlib
import shutil
import sys

import gguf
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from safetensors.numpy import save_file
from safetensors.torch import load_file as load_torch
from safetensors.torch import save_file as save_torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent / "formats"
QUANTS = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
IDS = torch.tensor([[1, 5, 9, 2, 30, 17, 3]])


def tiny_model():
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, rope_theta=50000.0, rms_norm_eps=1e-5, max_position_embeddings=64,
            tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
        )
    ).eval()


def tiny_adapter(model):
    torch.manual_seed(1)
    config = LoraConfig(
        r=3, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM", lora_dropout=0.05,
        rank_pattern={"q_proj": 2}, alpha_pattern={r"^model\.layers\.1\.mlp\.down_proj": 9},
    )
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return adapted.eval()


def make_gguf():
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(HERE / "quants.gguf", "llama")
    writer.add_uint8("test.uint8", 200)
    writer.add_int8("test.int8", -100)
    writer.add_uint16("test.uint16", 60000)
    writer.add_int16("test.int16", -30000)
    writer.add_uint32("test.uint32", 4000000000)
    writer.add_int32("test.int32", -2000000000)
    writer.add_float32("test.float32", 1e-5)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "naïve 日本 🙂\n")
    writer.add_uint64("test.uint64", 2**63 + 5)
    writer.add_int64("test.int64", -(2**62))
    writer.add_float64("test.float64", 0.1)
    writer.add_array("test.strings", ["a", "", "ß"])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, 1e-5])
    writer.add_array("test.bools", [True, False])
    expected = {}

    def add(name, stored, floats, raw_dtype=None):
        writer.add_tensor(name, stored, raw_dtype=raw_dtype)
        expected[name] = floats.astype(np.float32)

    for name in QUANTS:
        kind = gguf.GGMLQuantizationType[name]
        values = (random.standard_normal((3, 64)) * 0.1).astype(np.float32)
        values[1] = 0  # a block whose scale is zero
        stored = gguf.quants.quantize(values, kind)
        add(name, stored, gguf.quants.dequantize(stored, kind), kind)
    values = random.standard_normal((2, 5)).astype(np.float32)
    add("F32", values, values)
    # every f16 there is, but NaN, whose payload no comparison sees
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    halves = halves[~np.isnan(halves)][::7]
    add("F16", halves, halves)
    brain = gguf.quants.quantize(values, gguf.GGMLQuantizationType.BF16)
    add("BF16", brain, gguf.quants.dequantize(brain, gguf.GGMLQuantizationType.BF16), gguf.GGMLQuantizationType.BF16)
    for kind in [np.int8, np.int16, np.int32, np.int64, np.float64]:
        numbers = np.array([[-3, 0, 100]], dtype=kind)
        add(np.dtype(kind).name, numbers, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, HERE / "quants-expected.safetensors")


def make_types():
    values = [[-2, 0, 1], [3, 100, 7]]
    kinds = {
        "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
        "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    }
    tensors = {name: torch.tensor(values, dtype=kind) for name, kind in kinds.items()}
    tensors["U8"] = torch.tensor([[254, 0, 1], [3, 100, 7]], dtype=torch.uint8)
    tensors["BOOL"] = torch.tensor([[True, False, True]])
    tensors["scalar"] = torch.tensor(1.5)
    tensors["empty"] = torch.zeros(0, 4)
    save_torch(tensors, HERE / "types.safetensors", metadata={"format": "pt", "söng": "mote\"t\n"})


def make_real(path):
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    rows = {}
    for name, wanted in {
        "token_embd.weight": [0, 1000, 49151], "blk.0.attn_q.weight": [0, 575], "blk.17.ffn_down.weight": [123],
        "blk.29.attn_k.weight": [191], "blk.29.ffn_norm.weight": [0], "output_norm.weight": [0],
    }.items():
        tensor = tensors[name]
        floats = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        floats = floats.reshape(-1, floats.shape[-1])
        for row in wanted:
            rows[f"{name}:{row}"] = floats[row].astype(np.float32)
    save_file(rows, HERE / "smollm2-rows.safetensors")


def make(arguments):
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    make_gguf()
    make_types()
    model = tiny_model()
    model.save_pretrained(HERE / "sharded", max_shard_size="9KB")
    assert (HERE / "sharded" / "model.safetensors.index.json").exists()
    whole = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_torch(whole, HERE / "sharded-expected.safetensors")
    adapted = tiny_adapter(model)
    adapted.save_pretrained(HERE / "adapter")
    (HERE / "adapter" / "README.md").unlink(missing_ok=True)
    make_real(arguments[0] if arguments else default_gguf())


def default_gguf():
    name = "smollm2-135m-instruct"
    return pathlib.Path.home() / ".motet" / "models" / name / "SmolLM2-135M-Instruct.Q4_1.gguf"


def verify(arguments):
    folder = pathlib.Path(arguments[0])
    with safe_open(folder / "written.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "note": "quote \" and\nline"}, file.metadata()
    written = load_torch(folder / "written.safetensors")
    values = torch.tensor([i * 0.37 - 20 for i in range(120)], dtype=torch.float64).float().reshape(2, 3, 20)
    for name, kind in [("f32", torch.float32), ("f16", torch.float16), ("bf16", torch.bfloat16)]:
        assert written[name].dtype == kind and written[name].shape == values.shape
        assert torch.equal(written[name], values.to(kind)), name
    assert torch.equal(written["u8"], torch.arange(7, dtype=torch.uint8))
    length = int.from_bytes((folder / "written.safetensors").read_bytes()[:8], "little")
    assert length % 8 == 0
    print("written.safetensors: as expected")

    theirs = LlamaForCausalLM.from_pretrained(HERE / "sharded").eval()
    ours, report = LlamaForCausalLM.from_pretrained(folder / "model", output_loading_info=True)
    assert not any(report[key] for key in ["missing_keys", "unexpected_keys", "mismatched_keys"]), report
    config = ours.config.to_dict()
    for key in ["rope_parameters", "rms_norm_eps", "head_dim", "bos_token_id", "eos_token_id", "tie_word_embeddings"]:
        assert config[key] == theirs.config.to_dict()[key], key
    with torch.no_grad():
        base = theirs(IDS).logits
        assert torch.equal(base, ours.eval()(IDS).logits)
    print("model: transformers loads config.json and model.safetensors, same logits")

    with torch.no_grad():
        expected = PeftModel.from_pretrained(theirs, HERE / "adapter").eval()(IDS).logits
        model = PeftModel.from_pretrained(ours, folder / "adapter").eval()
        found = model(IDS).logits
    assert torch.equal(expected, found) and not torch.equal(expected, base)
    down = model.base_model.model.model.layers[1].mlp.down_proj
    assert down.scaling["default"] == 3.0, down.scaling
    assert json.load(open(folder / "adapter" / "adapter_config.json"))["peft_type"] == "LORA"
    print("adapter: PEFT loads it, same logits as from its own file")


if __name__ == "__main__":
    {"make": make, "verify": verify}[sys.argv[1]](sys.argv[2:])
