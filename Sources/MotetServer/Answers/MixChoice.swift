import Foundation
import MotetAdapters
import MotetFormats
import MotetRouting
import MotetServing

/// The adapters that a request asks for, and the router's opinion where it was asked.
struct MixChoice: Sendable {
  var mix: MixSpecification
  /// nil when the request named its adapters.
  var route: Route?

  init(_ mix: MixSpecification, route: Route? = nil) {
    self.mix = mix
    self.route = route
  }
}

/// Reads which adapters a request asks for, in OpenAI's, vLLM's, LoRAX's and llama.cpp's ways.
struct MixChooser: Sendable {
  let service: any AnswerService
  let router: (any MotetRouting.Router)?
  let metrics: ServerMetrics
  let limits: ServerLimits
  let caller: Caller

  /// - Parameter text: what a router reads of the prompt
  /// - Throws: ``APIError``: 400 for several ways at once or a mix that cannot be, 404 for names that are not there or are
  ///   another's
  func choose(_ fields: RequestFields, text: String?) async throws -> MixChoice {
    let choice = try await asked(fields, text: text)
    for term in choice.mix.terms where !caller.scope.allows(term.adapter) {
      throw await unknown(term.adapter.description)
    }
    return choice
  }

  /// 404 that names what the caller may see and might have meant.
  func unknown(_ name: String) async -> APIError {
    let names = (try? await service.adapters(within: caller.scope).map(\.name)) ?? []
    let visible = Set(names).union([service.baseName]).sorted()
    // A mix is near to nothing as a whole; a very long name would only cost time.
    return .unknownModel(name, near: name.utf8.count > 200 ? [] : nearNames(to: name, in: visible))
  }

  private func asked(_ fields: RequestFields, text: String?) async throws -> MixChoice {
    let model = try name(fields, "model")
    _ = (try fields.array("lora"), try name(fields, "adapter_id"))
    let ways = ["lora", "adapter_id", "merged_adapters"].filter { fields[$0].map { !$0.isAbsent } ?? false }
    guard let way = ways.first else { return try await named(model ?? "base", text: text) }
    let namesAdapters = model.map { !isBase($0) } ?? false
    guard ways.count == 1, !namesAdapters else {
      let said = ((namesAdapters ? ["model"] : []) + ways).map { "\"\($0)\"" }.joined(separator: " and ")
      throw APIError.invalid(way, "the request says twice which adapters answer: \(said); give one of them")
    }
    switch way {
    case "lora": return MixChoice(try await listed(fields))
    case "adapter_id": return try await named(fields.required("adapter_id"), text: text)
    default: return MixChoice(try await merged(fields))
    }
  }

  /// What names a model, of a length that is read.
  private func name(_ fields: RequestFields, _ field: String) throws -> String? {
    guard let name = try fields.string(field) else { return nil }
    guard name.utf8.count <= limits.modelBytes else {
      throw fields.failure(field, "has \(name.utf8.count) bytes: give at most \(limits.modelBytes)")
    }
    return name
  }

  private func isBase(_ model: String) -> Bool {
    model.isEmpty || model == "base" || model == service.baseName
  }

  private func named(_ model: String, text: String?) async throws -> MixChoice {
    if isBase(model) { return MixChoice(.base) }
    if model == "auto" { return try await routed(text) }
    guard !model.contains("/") else { throw await unknown(model) }
    do {
      return MixChoice(try MixSpecification(parsing: model, most: limits.mixTerms))
    } catch let error as MixError {
      if case .badAdapter = error { throw await unknown(model) }
      throw error
    }
  }

  private func routed(_ text: String?) async throws -> MixChoice {
    guard let router else {
      throw APIError(
        .notFound, "no router chooses for \"auto\"; start the server with --router, or name a model",
        parameter: "model", code: "model_not_found")
    }
    guard let text else { throw APIError.invalid("model", "\"auto\" cannot choose here; name a model") }
    guard text.contains(where: { !$0.isWhitespace }) else { return MixChoice(.base) }
    let route = try await visible(try await router.route(text))
    metrics.routed(route)
    return MixChoice(try MixSpecification(parsing: route.mixDescription), route: route)
  }

  /// A route without what the caller may not use, the rest sharing its weight.
  func visible(_ route: Route) async throws -> Route {
    let names =
      caller.scope.isLimited ? Set(try await service.adapters(within: caller.scope).map(\.name)) : nil
    let known = { (entry: DomainWeight) in
      !entry.adapter.contains("/") && names?.contains(String(entry.adapter.prefix { $0 != "@" })) ?? true
    }
    var route = route
    route.weights = route.weights.filter(known)
    let kept = route.mix.filter(known)
    let total = kept.reduce(0) { $0 + $1.weight }
    let before = route.mix.reduce(0) { $0 + $1.weight }
    route.mix = kept.map {
      DomainWeight(domain: $0.domain, adapter: $0.adapter, weight: $0.weight / total * before)
    }
    route.reason = route.reason.filter { evidence in route.weights.contains { $0.domain == evidence.domain } }
    return route
  }

  /// llama.cpp's `lora: [{id, scale}]`: places in `GET /lora-adapters`.
  private func listed(_ fields: RequestFields) async throws -> MixSpecification {
    let list = try await LoraList(of: service, for: caller)
    return try LoraList.mix(list.scales(fields.array("lora") ?? [], in: fields, limits), limits)
  }

  /// LoRAX's `merged_adapters: {ids, weights, merge_strategy}`, of which the linear strategy is a mix.
  private func merged(_ fields: RequestFields) async throws -> MixSpecification {
    guard let merge = try fields.object("merged_adapters") else { return .base }
    let strategy = try merge.string("merge_strategy") ?? "linear"
    guard strategy == "linear" else {
      throw merge.failure(
        "merge_strategy",
        "is \(strategy.shown(40)): only linear is done per request; motet merge makes an adapter of the others"
      )
    }
    guard let names = try merge.array("ids"), !names.isEmpty else {
      throw merge.failure("ids", "must be a list of names")
    }
    guard names.count <= limits.mixTerms else {
      throw merge.failure("ids", "has \(names.count) names: give at most \(limits.mixTerms)")
    }
    guard let ids = merge["ids"]?.stringsValue else { throw merge.failure("ids", "must be a list of names") }
    let given = try merge.array("weights") ?? ids.map { _ in 1 }
    let weights = given.count == ids.count ? given.compactMap(\.doubleValue) : []
    guard weights.count == ids.count else { throw merge.failure("weights", "must be as many numbers as ids") }
    var terms: [MixSpecification.Term] = []
    for (id, weight) in zip(ids, weights) {
      // As in "model": an invalid name is answered like an unknown one.
      guard id.utf8.count <= limits.modelBytes, let name = try? AdapterName(parsing: id) else {
        throw await unknown(id)
      }
      terms.append(.init(adapter: .library(name), weight: Float(weight)))
    }
    do { return try MixSpecification(terms: terms) } catch {
      throw APIError.invalid(merge.path("ids"), "\(error)")
    }
  }
}
