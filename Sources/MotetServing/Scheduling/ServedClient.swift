import MotetTensor

/// One of those among whom places and passes are shared.
@Compute
final class ServedClient {
  /// Tells it from other clients.
  let number: Int
  /// Its share beside the shares of others, above 0; as its last request said.
  var weight: Double
  /// When it was given a place last, counted in places given to anyone.
  var lastServed = 0

  init(number: Int, weight: Double) {
    self.number = number
    self.weight = weight
  }
}

/// The clients of a scheduler, by name.
@Compute
struct ServedClients {
  private var known: [String?: ServedClient] = [:]
  private var count = 0
  /// More names than this are not remembered beyond their requests.
  private static let most = 4096

  /// The client of a name.
  /// - Parameter isPresent: whether a client has requests, and so has to stay
  mutating func client(
    _ name: String?, weight: Double, isPresent: (ServedClient) -> Bool
  ) -> ServedClient {
    if let client = known[name] {
      client.weight = weight
      return client
    }
    if known.count >= Self.most { known = known.filter { isPresent($0.value) } }
    count += 1
    let client = ServedClient(number: count, weight: weight)
    known[name] = client
    return client
  }
}
