import MotetModels
import MotetTensor
import Testing

@testable import MotetServing

@Suite @Compute struct PlaceOrderTests {
  private static func rows(
    _ base: BaseModel, of client: ServedClient, call: Int, arrivals: Range<Int>
  ) -> [ServedRow] {
    arrivals.map { arrival in
      let (_, output) = AsyncThrowingStream<ServingEvent, any Error>.makeStream()
      return ServedRow(
        greedy("\(arrival)", prompt(3)), of: client, call: call, arrival: arrival,
        text: AnswerText(base.tokenizer, stops: nil), structure: nil, output: output, left: ClientFlag())
    }
  }

  private static func next(_ count: Int, of waiting: [ServedRow], running: [ServedRow] = []) -> [Int] {
    var order = PlaceOrder(waiting.sorted { $0.arrival < $1.arrival }, running: running)
    return (0..<count).compactMap { _ in order.next()?.arrival }
  }

  @Test func theClientThatHoldsLeastIsNext() async throws {
    let base = try await TinyModel.load()
    let (a, b) = (ServedClient(number: 1, weight: 1), ServedClient(number: 2, weight: 1))
    let many = Self.rows(base, of: a, call: 1, arrivals: 0..<10)
    let one = Self.rows(base, of: b, call: 2, arrivals: 20..<23)
    #expect(Self.next(8, of: many + one) == [0, 20, 1, 21, 2, 22, 3, 4])
    let held = Self.rows(base, of: a, call: 1, arrivals: 30..<32)
    #expect(Self.next(6, of: many + one, running: held) == [20, 21, 0, 22, 1, 2])
  }

  @Test func aClientOfTwiceTheWeightHoldsTwiceAsMany() async throws {
    let base = try await TinyModel.load()
    let (a, b) = (ServedClient(number: 1, weight: 2), ServedClient(number: 2, weight: 1))
    let waiting =
      Self.rows(base, of: a, call: 1, arrivals: 0..<30) + Self.rows(base, of: b, call: 2, arrivals: 30..<60)
    #expect(Self.next(30, of: waiting).count { $0 < 30 } == 20)
  }

  @Test func ofClientsThatHoldAlikeTheOneServedLongestAgoIsNext() async throws {
    let base = try await TinyModel.load()
    let (a, b) = (ServedClient(number: 1, weight: 1), ServedClient(number: 2, weight: 1))
    a.lastServed = 7
    b.lastServed = 3
    let waiting =
      Self.rows(base, of: a, call: 1, arrivals: 0..<1) + Self.rows(base, of: b, call: 2, arrivals: 1..<2)
    #expect(Self.next(2, of: waiting) == [1, 0])
  }

  @Test func callsOfOneClientTakeTurnsAndSingleOnesComeByArrival() async throws {
    let base = try await TinyModel.load()
    let a = ServedClient(number: 1, weight: 1)
    let many = Self.rows(base, of: a, call: 1, arrivals: 0..<10)
    let singles = [11, 12, 13].flatMap { Self.rows(base, of: a, call: $0, arrivals: $0..<$0 + 1) }
    #expect(Self.next(6, of: many + singles) == [0, 11, 12, 13, 1, 2])
    #expect(Self.next(3, of: singles) == [11, 12, 13])
  }

  @Test func aClientThatIsPassedOverComesNoMore() async throws {
    let base = try await TinyModel.load()
    let (a, b) = (ServedClient(number: 1, weight: 1), ServedClient(number: 2, weight: 1))
    var order = PlaceOrder(
      Self.rows(base, of: a, call: 1, arrivals: 0..<3) + Self.rows(base, of: b, call: 2, arrivals: 3..<5),
      running: [])
    order.passOver(a)
    #expect(order.next()?.arrival == 3)
    #expect(order.next()?.arrival == 4)
    #expect(order.next() == nil)
  }
}
