import Foundation

/// Threads that stand back for the model's.
enum ThreadPriority {
  /// Lets threads of normal priority go first.
  /// - Parameter niceness: on Linux, of the calling thread alone: beside a busy thread on the same core, one of 7 has
  ///   about a sixth of the time and one of 10 a tenth
  static func lower(_ niceness: Int32) {
    #if os(Linux)
      _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, niceness)
    #else
      Thread.current.qualityOfService = .utility
    #endif
  }
}
