import CKernels
import Foundation
import Testing

/// The thread team runs every task once, whoever asks and however often.
@Suite struct TeamTests {
  /// Marks that tasks leave, one byte each.
  final class Marks: @unchecked Sendable {
    let bytes: UnsafeMutablePointer<UInt8>
    let count: Int

    init(_ count: Int) {
      self.count = count
      bytes = .allocate(capacity: count)
      bytes.initialize(repeating: 0, count: count)
    }

    deinit { bytes.deallocate() }

    var areAllOne: Bool { (0..<count).allSatisfy { bytes[$0] == 1 } }
  }

  /// Each task adds one to its own mark, after a delay of its own length.
  func run(_ count: Int) -> Marks {
    let marks = Marks(count)
    mk_parallel_tasks(
      Int64(count),
      { context, task in
        var sum: UInt64 = 0
        for i in 0..<UInt64(task % 7 * 40) { sum = sum &* 31 &+ i }
        let mark = context! + Int(task)
        mark.storeBytes(of: mark.load(as: UInt8.self) + (sum == 1 ? 2 : 1), as: UInt8.self)
      }, marks.bytes)
    return marks
  }

  @Test func everyTaskRunsOnce() {
    for count in [0, 1, 2, 3, 7, 64, 1000, 70_000] { #expect(run(count).areAllOne, "\(count) tasks") }
    // Short loops back to back, where a late thread meets the next loop.
    for round in 0..<20_000 { #expect(run(1 + round % 9).areAllOne, "round \(round)") }
  }

  @Test func sleepersAreWoken() {
    for _ in 0..<20 {
      #expect(run(100).areAllOne)
      usleep(3000)
    }
  }

  @Test func threadsThatAskTogetherAllGetTheirs() async {
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask { (0..<2000).allSatisfy { self.run(1 + $0 % 50).areAllOne } }
      }
      for await isRight in group { #expect(isRight) }
    }
  }

  @Test func aLoopWithinALoopRunsToo() {
    let marks = Marks(64 * 64)
    mk_parallel_tasks(
      64,
      { context, outer in
        mk_parallel_tasks(
          64,
          { row, inner in
            let mark = row! + Int(inner)
            mark.storeBytes(of: mark.load(as: UInt8.self) + 1, as: UInt8.self)
          }, context! + Int(outer) * 64)
      }, marks.bytes)
    #expect(marks.areAllOne)
  }

  /// What stages leave: how often each task ran, and how many found that an earlier stage was not done.
  final class Progress: @unchecked Sendable {
    let counts: [Int]
    let marks: Marks
    let early: Bool
    /// Tasks that came too soon; one is enough to be seen.
    let ahead = UnsafeMutablePointer<Int64>.allocate(capacity: 1)

    init(_ counts: [Int], early: Bool) {
      self.counts = counts
      self.early = early
      marks = Marks(counts.reduce(0, +))
      ahead.initialize(to: 0)
    }

    deinit { ahead.deallocate() }

    /// Each task marks its place after a delay, and looks whether all marks of stages before it are there.
    func run() {
      final class Place {
        let progress: Progress
        let first: Int

        init(_ progress: Progress, first: Int) {
          self.progress = progress
          self.first = first
        }
      }
      var first = 0
      let places = counts.map { count in
        defer { first += count }
        return Place(self, first: first)
      }
      let stages = zip(places, counts).enumerated().map { index, stage in
        mk_stage(
          tasks: Int64(stage.1),
          body: { context, task in
            let place = Unmanaged<Place>.fromOpaque(context!).takeUnretainedValue()
            let marks = place.progress.marks.bytes
            if !(0..<place.first).allSatisfy({ marks[$0] == 1 }) { place.progress.ahead.pointee += 1 }
            var sum: UInt64 = 0
            for i in 0..<UInt64(task % 5 * 60) { sum = sum &* 31 &+ i }
            marks[place.first + Int(task)] += sum == 1 ? 2 : 1
          }, context: Unmanaged.passUnretained(stage.0).toOpaque(), is_early: early && index % 2 == 1)
      }
      withExtendedLifetime(places) { mk_parallel_stages(stages, Int64(stages.count)) }
    }
  }

  @Test func stagesRunOneAfterTheOther() {
    for round in 0..<3000 {
      let progress = Progress((0..<8).map { ($0 * 5 + round) % 11 }, early: false)
      progress.run()
      #expect(progress.marks.areAllOne && progress.ahead.pointee == 0, "round \(round)")
    }
  }

  @Test func earlyStagesRunAllTheirTasksToo() {
    for round in 0..<3000 {
      let progress = Progress((0..<8).map { ($0 * 5 + round) % 11 }, early: true)
      progress.run()
      #expect(progress.marks.areAllOne, "round \(round)")
    }
  }

  @Test func stagesOfSeveralThreadsAllRun() async {
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (0..<500).allSatisfy {
            let progress = Progress([1 + $0 % 9, $0 % 3, 4], early: false)
            progress.run()
            return progress.marks.areAllOne && progress.ahead.pointee == 0
          }
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}
