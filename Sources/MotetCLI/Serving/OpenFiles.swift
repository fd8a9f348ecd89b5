import Foundation

/// How many files and connections this process may have open at one time.
enum OpenFiles {
  /// Files that a server has open beside its connections: models, adapters, the log.
  static let beside = 256

  /// Asks the system for room for so many.
  /// - Returns: nil, or how many there is room for where it is less
  static func makeRoom(for count: Int) -> Int? {
    #if canImport(Darwin)
      let resource = RLIMIT_NOFILE
    #else
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #endif
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < count else { return nil }
    limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
    guard setrlimit(resource, &limit) == 0 else { return Int(clamping: limit.rlim_cur) }
    return limit.rlim_cur < count ? Int(clamping: limit.rlim_cur) : nil
  }
}
