import Testing

@testable import MotetServing

/// How a pass is shared among clients; of one client's sequences see BatchingTests.
@Suite struct PassPlanTests {
  private let plan = PassPlan(tokensPerPass: 512, promptTokensBesideAnswers: 128, tokensPerSharedPass: 16)
  private typealias Demand = PassPlan.Demand

  private static func answers(_ count: Int, of client: Int, weight: Double = 1) -> [PassPlan.Demand] {
    (0..<count).map { _ in Demand(missing: 1, isReading: false, client: client, weight: weight) }
  }

  @Test func anAnswerBesideManyOfAnotherClientHasATokenInEachShortPass() {
    let shares = plan.shares(Self.answers(63, of: 1) + Self.answers(1, of: 2))
    #expect(shares.last == 1)
    #expect(shares.reduce(0, +) == 16)
  }

  @Test func theManyTakeTurns() {
    var last = [Int](repeating: 0, count: 63)
    var tokens = last
    var turn = 0
    for _ in 1...42 {
      let many = last.map { Demand(missing: 1, isReading: false, client: 1, lastTurn: $0) }
      let shares = plan.shares(many + Self.answers(1, of: 2))
      #expect(shares[63] == 1)
      for index in last.indices.sorted(by: { (last[$0], $0) < (last[$1], $1) }) where shares[index] > 0 {
        tokens[index] += 1
        turn += 1
        last[index] = turn
      }
    }
    // 15 a pass.
    #expect(tokens.allSatisfy { $0 == 10 })
  }

  @Test func equalClientsHaveAllTheirTokensInOnePass() {
    #expect(plan.shares(Self.answers(30, of: 1) + Self.answers(30, of: 2)) == [Int](repeating: 1, count: 60))
    let uneven = plan.shares(Self.answers(32, of: 1) + Self.answers(24, of: 2))
    #expect(uneven[..<32].reduce(0, +) == 24)
    #expect(uneven[32...].reduce(0, +) == 24)
  }

  @Test func aClientOfAHigherWeightHasAsManyTimesTheTokens() {
    let shares = plan.shares(Self.answers(30, of: 1, weight: 3) + Self.answers(30, of: 2))
    #expect(shares[..<30].reduce(0, +) == 30)
    #expect(shares[30...].reduce(0, +) == 10)
  }

  @Test func aLongPromptIsReadInSmallPiecesBesideAnothersAnswerAndInLargeOnesBesideItsOwn() {
    let prompt = Demand(missing: 3000, isReading: true, client: 1)
    #expect(plan.shares([prompt] + Self.answers(1, of: 2)) == [15, 1])
    #expect(plan.shares([prompt] + Self.answers(1, of: 1)) == [128, 1])
    #expect(plan.shares([prompt]) == [512])
    var brief = plan
    brief.briefTokens = 24
    #expect(brief.shares([prompt]) == [24])
    #expect(brief.shares([prompt] + Self.answers(1, of: 1)) == [23, 1])
    #expect(brief.shares(Self.answers(60, of: 1)).reduce(0, +) == 24)
    #expect(brief.shares(Self.answers(20, of: 1)).reduce(0, +) == 20)
  }

  @Test func aShortPromptIsReadAtOnceBesideALongOne() {
    let long = Demand(missing: 3000, isReading: true, client: 1, group: 1)
    #expect(plan.shares([long, Demand(missing: 20, isReading: true, client: 2, group: 2)]) == [20, 20])
    // Of one client too: a half goes by arrival, a half to the call with the least to read.
    #expect(plan.shares([long, Demand(missing: 20, isReading: true, client: 1, group: 2)]) == [492, 20])
    let many = (0..<60).map { _ in Demand(missing: 200, isReading: true, client: 1, group: 1) }
    #expect(plan.shares(many + [Demand(missing: 200, isReading: true, client: 1, group: 2)]).last == 200)
  }

  @Test func aClientsPromptsGoOnWhileItsAnswersFillItsPart() {
    let shares = plan.shares(
      Self.answers(60, of: 1) + [Demand(missing: 300, isReading: true, client: 1)] + Self.answers(1, of: 2))
    #expect(shares[60] == 3)
    #expect(shares[..<60].reduce(0, +) == 12)
    #expect(shares[61] == 1)
  }

  @Test func aPartOfOneTokenGoesToAnswersAndPromptsInTurn() {
    let demands =
      Self.answers(60, of: 1) + [Demand(missing: 300, isReading: true, client: 1)] + Self.answers(1, of: 2)
    let read = (0..<8).map { pass in
      var plan = PassPlan(tokensPerPass: 512, promptTokensBesideAnswers: 128, tokensPerSharedPass: 2)
      plan.number = pass
      let shares = plan.shares(demands)
      #expect(shares.reduce(0, +) == 2 && shares[61] == 1)
      return shares[60]
    }
    #expect(read == [1, 0, 0, 0, 1, 0, 0, 0])
  }

  @Test func whatIsGuessedAfterATokenStaysTogether() {
    let guessed = Demand(missing: 7, isReading: false, client: 1)
    let shares = plan.shares([guessed, guessed, guessed] + Self.answers(1, of: 2))
    #expect(shares == [7, 7, 7, 1])
    let few = PassPlan(tokensPerPass: 512, promptTokensBesideAnswers: 128, tokensPerSharedPass: 8)
    #expect(few.shares([guessed, guessed, guessed] + Self.answers(1, of: 2)) == [7, 0, 0, 1])
  }

  @Test func withAsManyClientsAsPlacesEveryOneHasAToken() {
    let demands = (0..<64).flatMap { Self.answers(1, of: $0) }
    #expect(plan.shares(demands) == [Int](repeating: 1, count: 64))
  }
}
