import ArgumentParser
import Motet

extension ByteCount: ExpressibleByArgument {
  /// An amount of memory: `512MB`, `1.5GB`, `65536`; none is none.
  public init?(argument: String) {
    self.init(text: argument)
    if bytes < 1 { return nil }
  }

  public var defaultValueDescription: String { text }
}
