import Testing

@testable import MotetDemo

@Suite struct DemoDataTests {
  /// The first outputs of the authors' reference program for seed 0.
  @Test func theGeneratorIsSplitMix64() {
    var random = SplitMix64(seed: 0)
    #expect(random.next() == 0xE220_A839_7B1D_CDAF)
    #expect(random.next() == 0x6E78_9E6A_A1B9_65F4)
  }

  @Test(arguments: DemoDomain.allCases)
  func aSeedGivesTheSameRowsAndAnotherSeedOthers(domain: DemoDomain) {
    #expect(DemoData.training(domain, count: 50, seed: 7) == DemoData.training(domain, count: 50, seed: 7))
    #expect(DemoData.training(domain, count: 50, seed: 7) != DemoData.training(domain, count: 50, seed: 8))
    #expect(DemoData.heldOut(domain, count: 50, seed: 7) == DemoData.heldOut(domain, count: 50, seed: 7))
  }

  @Test(arguments: DemoDomain.allCases)
  func trainingRowsAreAsManyAsAskedAndAllDifferent(domain: DemoDomain) {
    let rows = DemoData.training(domain, count: 1500, seed: 1)
    #expect(rows.count == 1500)
    #expect(Set(rows.map(\.prompt)).count == rows.count)
    #expect(rows.allSatisfy { $0.domain == domain })
  }

  @Test(arguments: DemoDomain.allCases)
  func heldOutItemsShareNoPhrasingCombinationOrPromptWithTraining(domain: DemoDomain) {
    let training = DemoData.training(domain, count: 1500, seed: 1)
    let heldOut = DemoData.heldOut(domain, count: 300, seed: 1)
    #expect(heldOut.count == 300)
    #expect(Set(training.flatMap(\.phrasings)).isDisjoint(with: heldOut.flatMap(\.phrasings)))
    #expect(Set(training.map(\.combination)).isDisjoint(with: heldOut.map(\.combination)))
    #expect(Set(training.map(\.prompt)).isDisjoint(with: heldOut.map(\.prompt)))
    // The wall is not there because one side is empty or uniform.
    #expect(Set(heldOut.map(\.combination)).count > 10)
    #expect(Set(training.map(\.combination)).count > 30)
  }

  @Test(arguments: DemoDomain.allCases)
  func everyReferenceResponseIsCorrectByItsOwnGrader(domain: DemoDomain) {
    for seed in 1...3 as ClosedRange<UInt64> {
      let items =
        DemoData.training(domain, count: 400, seed: seed) + DemoData.heldOut(domain, count: 200, seed: seed)
      for item in items where !DemoGrader.isCorrect(item.response, for: item) {
        Issue.record("not accepted: \(item)")
      }
    }
  }

  @Test(arguments: DemoDomain.allCases)
  func theReferenceOfAnotherItemIsMostlyWrong(domain: DemoDomain) {
    let items = DemoData.heldOut(domain, count: 200, seed: 1)
    let others = items.dropFirst() + items.prefix(1)
    let lucky = zip(items, others).count { DemoGrader.isCorrect($1.response, for: $0) }
    #expect(lucky < 30)
  }

  @Test func compoundItemsNeedTwoDomainsEach() {
    #expect(DemoData.compound.count >= 24)
    #expect(DemoData.compound.allSatisfy { Set($0.domains).count == 2 && !$0.response.isEmpty })
    #expect(Set(DemoData.compound.map(\.prompt)).count == DemoData.compound.count)
    #expect(Set(DemoData.compound.map { Set($0.domains) }).count == 3)
    #expect(DemoData.compound.contains { $0.prompt == "Write Python code to solve quadratic equations." })
  }

  @Test func compoundAnswersHoldCodeThatDefinesAFunction() throws {
    for item in DemoData.compound where item.domains.contains(.code) {
      let program = try PythonParser.program(CodeGrading.source(in: item.response))
      #expect(program.contains { if case .define = $0 { true } else { false } }, "\(item.prompt)")
    }
  }

  @Test func generalTextAndUnrelatedPromptsAreManyAndDifferent() {
    #expect(Set(DemoData.generalText).count >= 40)
    #expect(DemoData.generalText.allSatisfy { $0.count > 80 })
    let (training, heldOut) = (Set(DemoData.unrelatedPrompts), Set(DemoData.heldOutUnrelatedPrompts))
    #expect(training.count == DemoData.unrelatedPrompts.count)
    #expect(heldOut.count >= 40)
    #expect(training.count + heldOut.count >= 150)
    #expect(training.isDisjoint(with: heldOut))
  }
}
