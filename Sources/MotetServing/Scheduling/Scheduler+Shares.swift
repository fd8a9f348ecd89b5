import MotetModels
import MotetTensor

// Who makes way when places or pages are short. What makes way is only set aside: its full pages stay for it as long as
// nobody needs them, and its answer goes on from there.
extension Scheduler {
  @Compute
  private struct Holding {
    let client: ServedClient
    var rows: [ServedRow] = []
    var pages = 0
    /// Places for its weight.
    func share(_ change: Int = 0) -> Double { Double(rows.count + change) / client.weight }
  }

  /// By client, of those under way.
  private func holdings() -> [Int: Holding] {
    var holdings: [Int: Holding] = [:]
    for row in running {
      holdings[row.client.number, default: Holding(client: row.client)].rows.append(row)
      holdings[row.client.number]?.pages += row.pages
    }
    return holdings
  }

  // MARK: Places

  /// The sequence that makes way for a request while all places are taken; nil when the request has to wait.
  ///
  /// A client makes way as long as it holds more for its weight than the other will then hold, so that no two take places
  /// from each other in turn; of one client's calls likewise.
  func makingWay(for row: ServedRow) -> ServedRow? {
    let holdings = holdings()
    let own = holdings[row.client.number] ?? Holding(client: row.client)
    let others = holdings.values.filter { $0.client !== row.client }
    if let most = others.max(by: { ($0.share(), $0.client.number) < ($1.share(), $1.client.number) }),
      most.rows.count > 1, most.share(-1) >= own.share(1)
    {
      return newest(of: most.rows)
    }
    let calls = Dictionary(grouping: own.rows, by: \.call)
    if let most = calls.values.max(by: { ($0.count, $0[0].arrival) < ($1.count, $1[0].arrival) }),
      most.count - 1 > calls[row.call]?.count ?? 0
    {
      return most.max { $0.arrival < $1.arrival }
    }
    return own.rows.isEmpty ? endOfTurn(others, for: row) : nil
  }

  /// The last to come of a client's largest call.
  private func newest(of rows: [ServedRow]) -> ServedRow? {
    let calls = Dictionary(grouping: rows, by: \.call)
    let largest = calls.values.max { ($0.count, $0[0].arrival) < ($1.count, $1[0].arrival) }
    return largest?.max { $0.arrival < $1.arrival }
  }

  /// Where there are more clients than places, they take turns.
  private func endOfTurn(_ others: [Holding], for row: ServedRow) -> ServedRow? {
    let now = ContinuousClock.now
    let turn = Duration.seconds(options.turnSeconds)
    guard now - row.since >= turn else { return nil }
    let most = others.max { ($0.share(), $0.client.number) < ($1.share(), $1.client.number) }
    return others.filter { $0.share() == most?.share() }.flatMap(\.rows).filter { now - $0.since >= turn }
      .min { $0.since < $1.since }
  }

  // MARK: Pages

  /// The sequence that makes way when one under way finds no page: the newest of the client who holds the most over its
  /// share, or of all where nobody does.
  func makingWayForPages() -> ServedRow? {
    overShare(holdings()).flatMap { newest(of: $0.rows) } ?? running.max { $0.arrival < $1.arrival }
  }

  /// The sequence that makes way for a request that finds no pages; nil while its own client would hold more than its
  /// share, or nobody does.
  func makingWayForPages(of row: ServedRow, pages: Int) -> ServedRow? {
    var holdings = holdings()
    let own = holdings[row.client.number] ?? Holding(client: row.client)
    if holdings[row.client.number] == nil { holdings[row.client.number] = own }
    guard Double(own.pages + pages) <= pagesShare(of: row.client, holdings),
      let most = overShare(holdings), most.client !== row.client
    else { return nil }
    return newest(of: most.rows)
  }

  private func pagesShare(of client: ServedClient, _ holdings: [Int: Holding]) -> Double {
    let weights = holdings.values.reduce(0) { $0 + $1.client.weight }
    return Double(pool.pageCount) * client.weight / weights
  }

  /// A client with one sequence keeps it.
  private func overShare(_ holdings: [Int: Holding]) -> Holding? {
    holdings.values.filter { $0.rows.count > 1 && Double($0.pages) > pagesShare(of: $0.client, holdings) }
      .max {
        (Double($0.pages) / $0.client.weight, $0.client.number) < (
          Double($1.pages) / $1.client.weight, $1.client.number
        )
      }
  }
}
