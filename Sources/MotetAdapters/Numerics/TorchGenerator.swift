/// The numbers that PyTorch's CPU generator draws, bit for bit: the Mersenne Twister mt19937 (Matsumoto and Nishimura
/// 1998), and `Tensor.uniform_` of f32 on it.
///
/// Some files of PEFT leave out matrices that the reader is to draw again from a seed.
/// Source: PyTorch 2.13, `ATen/core/MT19937RNGEngine.h` and `ATen/core/TransformationHelper.h`.
struct TorchGenerator {
  private var state: [UInt32]
  private var place: Int

  /// `torch.Generator().manual_seed(seed)`
  init(seed: UInt64) {
    state = [UInt32(truncatingIfNeeded: seed)]
    for index in 1..<UInt32(Self.length) {
      let last = state[Int(index) - 1]
      state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ index)
    }
    place = Self.length
  }

  private static let length = 624
  private static let distance = 397

  mutating func next() -> UInt32 {
    if place == Self.length { turn() }
    var y = state[place]
    place += 1
    y ^= y >> 11
    y ^= (y << 7) & 0x9d2c_5680
    y ^= (y << 15) & 0xefc6_0000
    return y ^ (y >> 18)
  }

  private mutating func turn() {
    for index in 0..<Self.length {
      let joined =
        (state[index] & 0x8000_0000) | (state[(index + 1) % Self.length] & 0x7fff_ffff)
      let twist: UInt32 = joined & 1 == 0 ? 0 : 0x9908_b0df
      state[index] = state[(index + Self.distance) % Self.length] ^ (joined >> 1) ^ twist
    }
    place = 0
  }

  /// Uniform in ±bound, of 24 random bits, as a tensor of f32 is filled.
  mutating func uniform(_ count: Int, within bound: Float) -> [Float] {
    let width = Double(bound - -bound)
    return (0..<count).map { _ in
      Float(Double(next() & 0xff_ffff) * 0x1p-24 * width - Double(bound))
    }
  }
}
