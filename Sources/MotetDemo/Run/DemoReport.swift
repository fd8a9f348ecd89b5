import Foundation
import Motet
import MotetReport

/// The page that proves it: `report.html`.
struct DemoReport {
  let results: DemoResults
  let base: String
  let precision: String
  let events: [(name: String, events: [TrainingEvent])]
  let routes: [(prompt: String, route: Route)]
  let options: DemoOptions

  private var systems: [DemoSystem] { DemoSystem.allCases }

  func page() -> HTMLPage {
    HTMLPage(
      title: "Motet demo",
      summary: "One frozen base (\(base), \(precision)), three small adapters: trained, detected, switched, "
        + "blended and merged in \(Int(results.seconds / 60)) min \(Int(results.seconds) % 60) s on this machine.",
      sections: [
        overview, accuracySection, routingSection, compoundSection, generalSection, guarantees,
        trainingSection,
        storageSection,
      ],
      footer:
        "Made by motet \(motetVersion). Every figure is in results.json, every answer in answers-*.jsonl.")
  }

  private var overview: HTMLPage.Section {
    .init(
      heading: "In short",
      blocks: [
        .figures([
          (percent(results.overall(.base)), "right with the base alone"),
          (percent(results.oracle), "each domain's own adapter"),
          (percent(results.overall(.routed)), "routed, nobody told which"),
          (percent(results.overall(.merged)), "merged into one adapter"),
          (percent(results.routingAccuracy), "held-out prompts routed right"),
          ("\(results.peakRSSBytes / 1_000_000) MB", "peak memory"),
        ])
      ])
  }

  private var accuracySection: HTMLPage.Section {
    let domains = DemoDomain.allCases.map(\.rawValue)
    let map = HeatMap(
      title: "Share of right answers on held-out prompts", rowLabels: domains,
      columnLabels: systems.map(\.rawValue),
      values: domains.map { domain in systems.map { results.accuracy[domain]?[$0.rawValue] } })
    return .init(
      heading: "Who is right",
      blocks: [
        .svg(
          map.svg(),
          caption:
            "Held-out items use phrasings and combinations that training never saw; answers are graded "
            + "leniently, code by running it."),
        .table(
          header: ["system", "what it is", "overall"],
          rows: systems.map {
            [$0.rawValue, $0.explanation, percent(results.overall($0))]
          }),
      ])
  }

  private var routingSection: HTMLPage.Section {
    let groups = routes.map { entry in
      BarChart.Group(
        name: String(entry.prompt.prefix(80)), bars: entry.route.weights.map { ($0.domain, $0.weight) })
    }
    let reasons = routes.prefix(2).map { entry in
      [
        String(entry.prompt.prefix(80)), entry.route.mixDescription,
        entry.route.reason.prefix(6).map { "\($0.text) (\($0.domain))" }.joined(separator: ", "),
      ]
    }
    return .init(
      heading: "What a prompt needs",
      blocks: [
        .svg(BarChart(title: "The router's shares", groups: groups).svg()),
        .table(header: ["prompt", "mix", "what decided"], rows: reasons),
        .prose(
          results.routingAccuracyByRouter.sorted { $0.key < $1.key }
            .map { "\($0.key) router: \(percent($0.value)) of held-out prompts." }.joined(separator: " ")),
      ])
  }

  private var compoundSection: HTMLPage.Section {
    .init(
      heading: "Prompts that need two domains",
      blocks: [
        .prose(
          "Mean loss of reference answers to \(results.compoundCount) prompts, in nats a token; lower is better. "
            + "routed is the blend that the router chose. It beats the best single adapter on "
            + "\(results.blendWins) of them."),
        .svg(lossChart("Compound prompts", results.compoundNLL)),
      ])
  }

  private var generalSection: HTMLPage.Section {
    .init(
      heading: "General knowledge kept",
      blocks: [
        .prose(
          "Loss of plain text that belongs to no domain, in nats a token: what an adapter costs elsewhere."),
        .svg(lossChart("Text of no domain", results.generalNLL)),
      ])
  }

  private func lossChart(_ title: String, _ values: [String: Double]) -> String {
    BarChart(
      title: title,
      groups: [.init(name: "", bars: systems.map { ($0.rawValue, values[$0.rawValue] ?? 0) })],
      unit: .amount("")
    ).svg()
  }

  private var guarantees: HTMLPage.Section {
    .init(
      heading: "Nothing touched the base",
      blocks: [
        .table(
          header: ["", ""],
          rows: [
            ["fingerprint before (SHA-256 of the frozen bytes)", results.fingerprintBefore],
            ["fingerprint after", results.fingerprintAfter],
          ]
            + results.answersUnchanged.sorted { $0.key < $1.key }.map {
              [
                "\($0.key): answers before and after the others were added, updated and removed",
                $0.value ? "identical" : "changed",
              ]
            })
      ])
  }

  private var trainingSection: HTMLPage.Section {
    let chart = LineChart(
      title: "Training loss", xLabel: "step", yLabel: "nats a response token",
      series: events.map { entry in
        (name: entry.name, points: entry.events.map { (Double($0.step), $0.loss) })
      }, smoothing: 0.9)
    let rows = events.map { entry -> [String] in
      let tokens = entry.events.reduce(0) { $0 + $1.tokens }
      return [
        entry.name, "\(entry.events.count)", "\(tokens)",
        String(format: "%.0f", entry.events.last?.tokensPerSecond ?? 0),
        String(format: "%.3f", entry.events.last?.loss ?? 0),
      ]
    }
    return .init(
      heading: "Training",
      blocks: [
        .svg(chart.svg()),
        .table(header: ["adapter", "steps", "tokens", "tokens/s", "last loss"], rows: rows),
      ])
  }

  private var storageSection: HTMLPage.Section {
    let counts = Array(1...16)
    let megabyte = 1e6
    let chart = LineChart(
      title: "Storage in f32, megabytes", xLabel: "domains", yLabel: "MB",
      series: [
        (
          name: "one base and adapters",
          points: counts.map {
            (Double($0), Double(results.parameters.base + $0 * results.parameters.adapter) * 4 / megabyte)
          }
        ),
        (
          name: "as many full models",
          points: counts.map { (Double($0), Double($0 * results.parameters.base) * 4 / megabyte) }
        ),
      ])
    return .init(
      heading: "Storage and memory",
      blocks: [
        .svg(chart.svg()),
        .prose(
          [3, 4, 8, 16].map { "\($0) adapters save \(percent(results.saving(adapters: $0)))" }
            .joined(separator: ", ") + " against as many full models of the same precision."),
      ])
  }
}
