/// The two random matrices that all sites of a VeRA adapter share, as large as its largest site; a smaller one takes
/// the first columns of A and the first rows of B.
struct VeRAProjections: Sendable, Equatable {
  let rank: Int
  let inputs: Int
  let outputs: Int
  /// `[rank, inputs]`
  let loraA: [Float]
  /// `[outputs, rank]`
  let loraB: [Float]

  init(rank: Int, inputs: Int, outputs: Int, loraA: [Float], loraB: [Float]) {
    self.rank = rank
    self.inputs = inputs
    self.outputs = outputs
    self.loraA = loraA
    self.loraB = loraB
  }

  /// As PEFT draws them from `projection_prng_key`: uniform with the variance 2/inputs and 2/rank (He et al. 2015).
  init(rank: Int, inputs: Int, outputs: Int, key: UInt64) {
    var generator = TorchGenerator(seed: key)
    func bound(_ width: Int) -> Float {
      Float(3.0.squareRoot() * (2.0.squareRoot() / Double(width).squareRoot()))
    }
    self.init(
      rank: rank, inputs: inputs, outputs: outputs,
      loraA: generator.uniform(rank * inputs, within: bound(inputs)),
      loraB: generator.uniform(outputs * rank, within: bound(rank)))
  }

  /// A of a site, `[rank, width]`.
  func sliceA(_ width: Int) -> [Float] {
    width == inputs
      ? loraA : (0..<rank).flatMap { loraA[$0 * inputs..<$0 * inputs + width] }
  }

  /// B of a site, `[count, rank]`.
  func sliceB(_ count: Int) -> ArraySlice<Float> { loraB[0..<count * rank] }
}
