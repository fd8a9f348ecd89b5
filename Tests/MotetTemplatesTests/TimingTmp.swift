import Foundation
import MotetTemplates
import Testing
@Suite struct TimingTmp {
  @Test func timing() throws {
    let all = try JSONDecoder().decode([String].self, from: Data(contentsOf: URL(filePath: "/tmp/hostile.json")))
    for source in all {
      FileHandle.standardError.write(Data("TIMING \(source.prefix(110)) ".utf8))
      let start = ContinuousClock.now
      let error = Result { try Template(source).render([:]) }
      FileHandle.standardError.write(Data("\(ContinuousClock.now - start) \("\(error)".suffix(60))\n".utf8))
    }
  }
}
