import Foundation
import Motet
import MotetFormats

/// Measures every system on the same held-out items.
struct DemoExam {
  let base: BaseModel
  let demo: Demo
  let graduates: DemoSchool.Graduates
  let merged: Adapter
  let router: any Router

  /// The mix with which a system answers a prompt.
  private mutating func mix(_ system: DemoSystem, for prompt: String) async throws -> Mix {
    switch system {
    case .base: return .base
    case .math, .code, .qa:
      return DemoDomain(rawValue: system.rawValue).flatMap { graduates.adapters[$0] }.map { Mix($0) } ?? .base
    case .joint: return Mix(graduates.joint)
    case .sequential: return Mix(graduates.sequential)
    case .merged: return Mix(merged)
    case .routed:
      let route = try await router.route(prompt)
      return Mix(
        route.mix.compactMap { entry in
          DemoDomain(rawValue: entry.adapter).flatMap { graduates.adapters[$0] }
            .map { (adapter: $0, weight: Float(entry.weight)) }
        })
    }
  }

  /// By domain and system: the share of right answers. Each domain's rows of all systems go through the model
  /// together, every row with its own mix.
  mutating func accuracy() async throws -> [String: [String: Double]] {
    var accuracy: [String: [String: Double]] = [:]
    for domain in DemoDomain.allCases {
      let items = DemoData.heldOut(domain, count: demo.options.heldOut, seed: demo.options.seed)
      var prompts: [String] = []
      var mixes: [Mix] = []
      for system in DemoSystem.allCases {
        for item in items {
          prompts.append(item.prompt)
          mixes.append(try await mix(system, for: item.prompt))
        }
      }
      demo.progress("   \(domain.rawValue): \(prompts.count) answers", true)
      let answers = try await base.answers(to: prompts, mixes: mixes, maximumTokens: 96, maximumRows: 32)
      var line = "   \(domain.rawValue):"
      for (index, system) in DemoSystem.allCases.enumerated() {
        let own = answers[index * items.count..<(index + 1) * items.count]
        let right = zip(own, items).filter { DemoGrader.isCorrect($0, for: $1) }.count
        accuracy[domain.rawValue, default: [:]][system.rawValue] = Double(right) / Double(max(1, items.count))
        line += "  \(system.rawValue) \(Int((100 * Double(right) / Double(max(1, items.count))).rounded()))%"
      }
      demo.say(line)
      try keep(answers, items, domain)
    }
    return accuracy
  }

  /// Leaves the answers beside the results, so that anyone can read what was counted.
  private func keep(_ answers: [String], _ items: [DemoItem], _ domain: DemoDomain) throws {
    struct Line: Encodable {
      let system: String
      let prompt: String
      let answer: String
      let reference: String
      let correct: Bool
    }
    let lines = answers.enumerated().map { index, answer in
      let item = items[index % items.count]
      return Line(
        system: DemoSystem.allCases[index / items.count].rawValue, prompt: item.prompt, answer: answer,
        reference: item.response, correct: DemoGrader.isCorrect(answer, for: item))
    }
    try DemoFiles.lines(lines, to: demo.options.output.appending(path: "answers-\(domain.rawValue).jsonl"))
  }

  /// Nats a token on plain text of no domain.
  mutating func generalNLL() async throws -> [String: Double] {
    let rows = DemoData.generalText.enumerated().map { DatasetRow(.text($1), line: $0 + 1) }
    let examples = try Dataset(rows, name: "general text").examples(for: base)
    var result: [String: Double] = [:]
    for system in DemoSystem.allCases {
      var mixes: [Mix] = []
      for text in DemoData.generalText { mixes.append(try await mix(system, for: text)) }
      result[system.rawValue] = try await base.nll(of: examples, mixes: mixes).value
    }
    demo.say("   general text, nats a token:" + Self.list(result))
    return result
  }

  /// Nats a response token on prompts that need two domains.
  mutating func compoundNLL() async throws -> (means: [String: Double], blendWins: Int) {
    let items = DemoData.compound
    let rows = items.map { DatasetRow(prompt: $0.prompt, response: $0.response) }
    let examples = try Dataset(rows, name: "compound prompts").examples(for: base)
    var means: [String: Double] = [:]
    var byRow: [DemoSystem: [Double]] = [:]
    for system in DemoSystem.allCases {
      var mixes: [Mix] = []
      for item in items { mixes.append(try await mix(system, for: item.prompt)) }
      let nll = try await base.nll(of: examples, mixes: mixes)
      means[system.rawValue] = nll.value
      byRow[system] = nll.byRow
    }
    let wins = items.indices.filter { index in
      let single = [DemoSystem.math, .code, .qa].compactMap { byRow[$0]?[index] }.min() ?? .infinity
      return (byRow[.routed]?[index] ?? .infinity) < single
    }.count
    demo.say("   compound prompts, nats a response token (routed is the blend):" + Self.list(means))
    demo.say("   the blend beats the best single adapter on \(wins) of \(items.count)")
    return (means, wins)
  }

  private static func list(_ values: [String: Double]) -> String {
    DemoSystem.allCases.map { "  \($0.rawValue) \(String(format: "%.3f", values[$0.rawValue] ?? .nan))" }
      .joined()
  }
}
