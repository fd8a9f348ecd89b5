"""Random blocks of every GGUF block type that Motet reads, and what the `gguf` package makes of them.

    python Tests/Fixtures/block_types.py    # writes Tests/Fixtures/blocks

Needs: numpy, safetensors, gguf. Of each type there are eight rows of 256 numbers. Rows 0 to 3 are random bytes, scales
included; then come an infinite scale, one that is not a number, a subnormal one and a negative zero.
"""

import pathlib

import gguf
import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent / "blocks"
ROWS, ROW = 8, 256
HALVES = {4: 0x7C00, 5: 0x7E01, 6: 0x0003, 7: 0x8000}
WORDS = {4: 0x7F800000, 5: 0x7FC00001, 6: 0x00000003, 7: 0x80000000}
# Where a block has its f16 scale; Q8_K has it in f32, MXFP4 a power of two.
SCALES = {
    "Q4_0": 0, "Q4_1": 0, "Q5_0": 0, "Q5_1": 0, "Q8_0": 0, "Q2_K": 80, "Q3_K": 108, "Q4_K": 0, "Q5_K": 0, "Q6_K": 208,
    "Q8_K": None, "IQ4_NL": 0, "IQ4_XS": 0, "MXFP4": None, "TQ1_0": 52, "TQ2_0": 64,
}


def blocks(name, random):
    elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    data = random.integers(0, 256, (ROWS, ROW // elements, size), dtype=np.uint8)
    for row in HALVES:
        if name == "Q8_K":
            data[row, :, :4] = np.array([WORDS[row]], dtype="<u4").view(np.uint8)
        elif name == "MXFP4":
            data[row, :, 0] = {4: 255, 5: 254, 6: 0, 7: 1}[row]
        else:
            data[row, :, SCALES[name] : SCALES[name] + 2] = np.array([HALVES[row]], dtype="<u2").view(np.uint8)
    return data.reshape(ROWS, -1)


def floats(name, data):
    if name == "Q8_K":  # which the package has no class for: ggml-quants.c, dequantize_row_q8_K
        parts = data.reshape(ROWS, -1, 292)
        return (parts[..., :4].copy().view("<f4") * parts[..., 4:260].view(np.int8).astype(np.float32)).reshape(ROWS, -1)
    return gguf.quants.dequantize(data, gguf.GGMLQuantizationType[name])


def main():
    random = np.random.default_rng(18)
    HERE.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(HERE / "types.gguf", "llama")
    expected = {}
    for name in SCALES:
        data = blocks(name, random)
        writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType[name])
        with np.errstate(all="ignore"):
            expected[name] = floats(name, data).astype(np.float32)
        assert expected[name].shape == (ROWS, ROW)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, HERE / "types-expected.safetensors")


main()
