import CKernels
import Testing

@testable import MotetTensor

/// What tests of precisions run on. A processor without the units for a precision runs them on what stands in for it, or
/// leaves them out; this suite says so.
@Suite struct ProcessorTests {
  @Test func saysWhatIsLeftOutHere() {
    let missing = Precision.allCases.filter { !$0.isAvailable }.map(\.rawValue)
    print(
      "precisions here: \(Precision.available.map(\.rawValue).joined(separator: ", ")); "
        + (missing.isEmpty
          ? "no test is left out for want of units"
          : "tests of \(missing.joined(separator: ", ")) run in f32 or nf4, or are left out"))
    #expect(Precision.available.contains(.f32) && Precision.available.contains(.nf4))
    #expect(Precision.available.contains(.stored) && Precision.automatic.isAvailable)
  }
}
