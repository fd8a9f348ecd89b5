import Foundation

/// How the thread team waits.
///
/// libgomp's threads spin when they have nothing to do. Where the two halves of a loop come to stand on one
/// processor, or another program wants it, a thread that spins keeps from the processor the very thread it waits
/// for: measured on two cores, training ran at 60 to 850 tokens/s spinning, by luck, and steadily at 420 to 500
/// sleeping. libgomp reads its settings before any code of ours runs, so the process starts itself anew with the
/// setting, once, unless the user chose one.
enum WaitPolicy {
  private static let names = ["OMP_WAIT_POLICY", "OMP_PROC_BIND", "GOMP_SPINCOUNT"]

  static func settle() {
    #if os(Linux)
      let environment = ProcessInfo.processInfo.environment
      guard names.allSatisfy({ environment[$0] == nil }) else { return }
      setenv("OMP_WAIT_POLICY", "PASSIVE", 1)
      var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
      execv("/proc/self/exe", &arguments)
      // Still here: the system did not allow it, and spinning is only slower.
      unsetenv("OMP_WAIT_POLICY")
    #endif
  }
}
