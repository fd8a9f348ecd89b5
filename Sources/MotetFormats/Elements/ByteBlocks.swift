// Blocks whose codes are whole bytes.
//
// | block | layout in bytes | number |
// |---|---|---|
// | Q8_0 | f16 d, 32 × i8 | d·q |
// | Q8_K | f32 d, 256 × i8, 16 × i16 sums of codes | d·q |
//
// Source: ggml `ggml-quants.c`, `dequantize_row_q8_0`, `dequantize_row_q8_K`. Q8_1 is not here: it is what ggml rounds
// inputs to, no file holds it, and ggml and the `gguf` package do not agree on its size.

extension ElementType {
  // ggml's own names.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q8_0 = ElementType(block: "Q8_0", number: 8, elements: 32, bytes: 34) { x, blocks, y in
    Block.each(x, blocks, size: 34, elements: 32, y) { block, y in
      let d = block.scale(0)
      for j in 0..<32 { y[j] = d * Float(block.signed(2 &+ j)) }
    }
  }

  // swift-format-ignore: AlwaysUseLowerCamelCase
  public static let q8_K = ElementType(block: "Q8_K", number: 15, elements: 256, bytes: 292) { x, blocks, y in
    Block.each(x, blocks, size: 292, elements: 256, y) { block, y in
      let d = Float(bitPattern: block.word(0))
      for j in 0..<256 { y[j] = d * Float(block.signed(4 &+ j)) }
    }
  }
}
