import Testing

@testable import MotetTensor

/// Rows of parameters in a batch, and out of it again. Copies are exact: whole numbers make f32 so, too.
@Suite struct RowInsertionTests {
  let places = [0, 2, 2, 3]
  let columns = 3

  @Test func theReferenceGradientIsThatOfSmallChanges() {
    let x = samples(3 * columns, seed: 1)
    let p = samples(2 * columns, seed: 2)
    let dy = samples((3 + 2 * places.count) * columns, seed: 3)
    let back = Reference.insertingBackward(dy: dy, at: places, count: 2, columns: columns)
    check(back.dx, at: x, dy: dy, "dx") {
      Reference.inserting(p, at: places, into: $0, columns: columns)
    }
    check(back.dvalues, at: p, dy: dy, "dP") {
      Reference.inserting($0, at: places, into: x, columns: columns)
    }
  }

  @Test @Compute func insertedRowsAndTheirGradientsAreThoseOfTheReference() throws {
    let x = floats(3 * columns, seed: 4)
    let p = Parameter(rows: 2, columns: columns, floats(2 * columns, seed: 5), trainable: true)
    let dy = floats((3 + 2 * places.count) * columns, seed: 6)
    let tape = Tape(recording: true)
    let input = tensor(3, columns, x)
    let y = tape.inserting(
      places.map { RowInsertion(place: $0, values: p, source: 0..<columns) }, into: input)
    try goBack(tape, from: y, dy)
    let back = Reference.insertingBackward(dy: dy, at: places, count: 2, columns: columns)
    #expect(y.values == Reference.inserting(p.values.values, at: places, into: x, columns: columns))
    #expect(input.gradientValue?.values == back.dx)
    expectClose(p.gradient?.values ?? [], back.dvalues, 1e-6, "dP")
  }

  @Test @Compute func chosenColumnsGoToTheirPlaceAndTheOthersAreZero() throws {
    let p = Parameter(rows: 1, columns: 4, [1, 2, 3, 4], trainable: true)
    let tape = Tape(recording: true)
    let y = tape.inserting(
      [RowInsertion(place: 1, values: p, source: 1..<3, column: 1)],
      into: tensor(2, 3, [10, 11, 12, 20, 21, 22]))
    #expect(y.values == [10, 11, 12, 0, 2, 3, 20, 21, 22])
    try goBack(tape, from: y, [1, 2, 3, 4, 5, 6, 7, 8, 9])
    #expect(p.gradient?.values == [0, 5, 6, 0])
  }

  @Test(arguments: [ActivationStorage.f32, .bf16])
  @Compute func droppingUndoesInserting(storage: ActivationStorage) throws {
    let tape = Tape(recording: true)
    let x = Tensor(rows: 6, columns: 2, (0..<12).map { Float($0) }, wantsGradient: true)
      .converted(to: storage).withPlaceForGradient
    let y = tape.dropping([0..<1, 3..<5], from: x)
    #expect(y.values == [2, 3, 4, 5, 10, 11])
    try goBack(tape, from: y, [1, 2, 3, 4, 5, 6])
    #expect(x.gradientValue?.values == [0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 5, 6])
  }

  @Test @Compute func aParameterThatDoesNotTrainLeavesNothingToGoBackThrough() {
    let p = Parameter(rows: 1, columns: 2, [1, 2], trainable: false)
    let tape = Tape(recording: true)
    let x = tensor(1, 2, [3, 4], wantsGradient: false)
    let y = tape.inserting([RowInsertion(place: 0, values: p, source: 0..<2)], into: x)
    #expect(y.values == [1, 2, 3, 4] && tape.recordedSteps == 0)
  }
}
