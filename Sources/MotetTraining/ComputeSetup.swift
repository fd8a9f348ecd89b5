import CKernels

/// What the bytes of a trained adapter depend on, beside its options and data: sums of floating-point numbers round
/// otherwise in another order, and the number of threads and the vector level decide the order.
struct ComputeSetup: Codable, Equatable {
  /// The vector loops in use: `avx512`, `avx2` or `portable`.
  var vectorLevel: String
  /// How many threads each part of the run had, in order: two numbers for a run that was resumed on others.
  var threads: [Int]

  /// The setup of this process.
  static var current: ComputeSetup {
    let level =
      switch mk_vector_level() {
      case 4: "avx512"
      case 3: "avx2"
      default: "portable"
      }
    return ComputeSetup(vectorLevel: level, threads: [Int(mk_threads())])
  }

  /// The setup of a run that began with this one and goes on with `now`.
  func followed(by now: ComputeSetup) -> ComputeSetup {
    var whole = self
    for count in now.threads where count != whole.threads.last { whole.threads.append(count) }
    return whole
  }

  /// For records: `2`, or `2, then 1`.
  var threadsText: String { threads.map { "\($0)" }.joined(separator: ", then ") }
}
