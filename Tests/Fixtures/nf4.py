"""Matrices in NF4 by bitsandbytes, for Tests/MotetTensorTests and Tests/MotetModelsTests.

    python Tests/Fixtures/nf4.py          # writes Tests/Fixtures/nf4/nf4.safetensors and nf4/model

Needs bitsandbytes (0.50.2 made the files), torch, safetensors, transformers, accelerate. Codes, scales and values come
from bitsandbytes' own operators on the CPU (quantize_4bit, dequantize_4bit), the folder from transformers'
save_pretrained. One thing does not: where bitsandbytes brings the scales to 8 bits, its CPU library looks values up in a
coarse table and takes a neighbour of the nearest for about one in a thousand; its CUDA kernel and its own torch
fallback (the `default` backend, used here) take the nearest. And the folder's values are unpacked by that backend, as
the CPU library's loop takes each row for whole blocks, which rows of 96 are not.
"""

import pathlib
import shutil

import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent
out = here / "nf4"
out.mkdir(exist_ok=True)


def nearest(x, code, blocksize=256):
    """quantize_blockwise of bitsandbytes' default backend."""
    codes, largest = [], []
    for part in x.split(blocksize):
        most = part.abs().max()
        scaled = torch.clamp(part * (1 / most), -1, 1)
        codes.append(torch.argmin((scaled[:, None] - code).abs(), dim=-1).to(torch.uint8))
        largest.append(most)
    return torch.cat(codes), torch.stack(largest)


tensors = {}
torch.manual_seed(4)
for name, shape, spread in [
    ("even", (96, 128), 0.02), ("large", (320, 192), 0.05), ("odd", (33, 15), 1.0), ("ragged", (7, 100), 0.3)
]:
    weights = torch.randn(shape) * spread * torch.rand(shape[0], 1)
    weights[0, :3] = 0
    if name == "even":
        weights[5] = 0  # a block of zeros
    quantized, state = F.quantize_4bit(weights, blocksize=64, compress_statistics=False, quant_type="nf4")
    scales = state.absmax.clone()
    # The mean to the nearest f32; torch's own sum in f32 depends on the order that its vectors take.
    mean = scales.double().mean().float()
    map = F.create_dynamic_map()
    codes, largest = nearest(scales - mean, map)
    state.absmax, state.offset = codes, mean
    state.state2 = F.QuantState(absmax=largest, code=map, blocksize=256, dtype=torch.float32)
    state.nested = True
    tensors |= {
        f"{name}.weights": weights, f"{name}.codes": quantized.flatten(), f"{name}.scales": scales,
        f"{name}.scale_codes": codes, f"{name}.largest": largest, f"{name}.mean": mean[None],
        f"{name}.values": F.dequantize_4bit(quantized, state).contiguous(),
    }
tensors["code"] = F.get_4bit_type("nf4", device="cpu")
save_file(tensors, out / "nf4.safetensors")

from bitsandbytes.backends.default.ops import _dequantize_4bit_compute  # noqa: E402
from bitsandbytes.nn import Linear4bit  # noqa: E402
from transformers import AutoModelForCausalLM, BitsAndBytesConfig  # noqa: E402



def unpack(weight):
    """dequantize_4bit of bitsandbytes' default backend."""
    state = weight.quant_state
    scales = state.absmax
    if state.nested:
        scales = F.dequantize_blockwise(state.absmax, state.state2) + state.offset
    return _dequantize_4bit_compute(
        weight.data.reshape(-1), scales, state.code, 64, tuple(state.shape), torch.float32).contiguous()


for nested in (True, False):
    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=nested,
        bnb_4bit_compute_dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(
        here / "tiny" / "model", quantization_config=config, dtype=torch.float32, device_map="cpu")
    folder = out / ("model" if nested else "model-plain-scales")
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    for file in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]:
        shutil.copy(here / "tiny" / "model" / file, folder)
    # The values that bitsandbytes unpacks, and what the model gives with them.
    values = {
        f"{name}.weight": unpack(module.weight) for name, module in model.named_modules()
        if isinstance(module, Linear4bit)
    }
    plain = AutoModelForCausalLM.from_pretrained(here / "tiny" / "model", dtype=torch.float32)
    plain.load_state_dict(values, strict=False)
    with torch.no_grad():
        logits = plain(torch.tensor([[3, 50, 7, 120, 9, 33]])).logits[0].contiguous()
    some = {k: v for k, v in values.items() if "layers.1" in k}
    save_file(some | {"logits": logits}, folder.parent / f"{folder.name}-expected.safetensors")
