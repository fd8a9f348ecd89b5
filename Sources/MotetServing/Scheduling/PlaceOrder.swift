import MotetTensor

/// Whose request gets the next place: the client's that holds the fewest places for its weight; of that client's calls,
/// the one that holds the fewest; of that call's requests, the first to come. Of clients that hold alike, the one that
/// was given a place longest ago comes first.
@Compute
struct PlaceOrder {
  private struct Call {
    /// The first to come last.
    var waiting: [ServedRow] = []
    var held = 0
  }

  private struct Queue {
    let client: ServedClient
    var lastServed: Int
    var held = 0
    var calls: [Int: Call] = [:]
  }

  private var queues: [Int: Queue] = [:]
  private var served = Int.max / 2

  /// - Parameter waiting: by arrival
  init(_ waiting: [ServedRow], running: [ServedRow]) {
    for row in waiting.reversed() {
      queues[row.client.number, default: Queue(client: row.client, lastServed: row.client.lastServed)]
        .calls[row.call, default: Call()].waiting.append(row)
    }
    for row in running {
      guard var queue = queues[row.client.number] else { continue }
      queues[row.client.number] = nil
      queue.held += 1
      queue.calls[row.call]?.held += 1
      queues[row.client.number] = queue
    }
  }

  /// Takes out the next one, which counts as holding a place from then on.
  mutating func next() -> ServedRow? {
    var best: (share: Double, lastServed: Int, arrival: Int, number: Int)?
    for (number, queue) in queues {
      let arrival = queue.calls.values.compactMap { $0.waiting.last?.arrival }.min() ?? .max
      let own = (Double(queue.held) / queue.client.weight, queue.lastServed, arrival, number)
      if best.map({ own < $0 }) ?? true { best = own }
    }
    guard let number = best?.number, var queue = queues.removeValue(forKey: number) else { return nil }
    let call = queue.calls.min {
      ($0.value.held, $0.value.waiting.last?.arrival ?? .max) < (
        $1.value.held, $1.value.waiting.last?.arrival ?? .max
      )
    }
    guard let key = call?.key, let row = queue.calls[key]?.waiting.popLast() else { return nil }
    queue.calls[key]?.held += 1
    if queue.calls[key]?.waiting.isEmpty == true { queue.calls[key] = nil }
    queue.held += 1
    served += 1
    queue.lastServed = served
    if !queue.calls.isEmpty { queues[number] = queue }
    return row
  }

  /// Leaves out what else a client has waiting.
  mutating func passOver(_ client: ServedClient) { queues[client.number] = nil }
}
