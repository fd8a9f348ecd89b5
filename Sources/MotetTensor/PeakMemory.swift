import CKernels
import Foundation

/// Peak resident memory of this process so far, in bytes.
public func peakResidentBytes() -> Int {
  #if os(Linux)
    // Not getrusage: its figure begins with that of the process that started this one.
    if let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
    {
      return kibibytes * 1024
    }
  #endif
  var usage = rusage()
  #if os(Linux)
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  #else
    getrusage(RUSAGE_SELF, &usage)
    return usage.ru_maxrss
  #endif
}

/// Lets ``peakResidentBytes()`` begin anew at what is resident now, once idle memory went back to the system, so that it
/// tells the peak of what comes next.
/// - Returns: false where the system has no such thing, or did not do it: the peak is then that of the whole process
public func resetPeakResidentBytes() -> Bool {
  #if os(Linux)
    BufferPool.trim()
    mk_return_large_blocks()
    let before = peakResidentBytes()
    // proc(5): 5 sets the peak to the current size. Not atomically: the file cannot be renamed over.
    guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return false }
    do { try file.write(contentsOf: Data("5".utf8)) } catch { return false }
    try? file.close()
    return peakResidentBytes() <= before
  #else
    return false
  #endif
}
