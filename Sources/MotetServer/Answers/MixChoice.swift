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
    let names = (try? await service.adapters().map(\.name)) ?? []
    let visible = Set(names.filter(caller.scope.allows)).union([service.baseName]).sorted()
    // A mix is near to nothing as a whole; a very long name would only cost time.
    return .unknownModel(name, near: name.utf8.count > 200 ? [] : nearNames(to: name, in: visible))
  }

  private func asked(_ fields: RequestFields, text: String?) async throws -> MixChoice {
    let model = try fields.string("model")
    _ = (try fields.array("lora"), try fields.string("adapter_id"))
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
    default: return MixChoice(try merged(fields))
    }
  }

  private func isBase(_ model: String) -> Bool {
    model.isEmpty || model == "base" || model == service.baseName
  }

  private func named(_ model: String, text: String?) async throws -> MixChoice {
    if isBase(model) { return MixChoice(.base) }
    if model == "auto" { return try await routed(text) }
    guard !model.contains("/") else { throw await unknown(model) }
    do {
      return MixChoice(try MixSpecification(parsing: model))
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
    let route = visible(try await router.route(text))
    metrics.routed(route)
    return MixChoice(try MixSpecification(parsing: route.mixDescription), route: route)
  }

  /// A route without what the caller may not use, the rest sharing its weight.
  func visible(_ route: Route) -> Route {
    let known = { (entry: DomainWeight) in caller.scope.allows(entry.adapter) && !entry.adapter.contains("/")
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
    return try LoraList.mix(list.scales(fields.objects("lora") ?? []))
  }

  /// LoRAX's `merged_adapters: {ids, weights, merge_strategy}`, of which the linear strategy is a mix.
  private func merged(_ fields: RequestFields) throws -> MixSpecification {
    guard let merge = try fields.object("merged_adapters") else { return .base }
    let strategy = try merge.string("merge_strategy") ?? "linear"
    guard strategy == "linear" else {
      throw merge.failure(
        "merge_strategy",
        "is \(strategy): only linear is done per request; motet merge makes an adapter of the others")
    }
    guard let ids = merge["ids"]?.stringsValue, !ids.isEmpty else {
      throw merge.failure("ids", "must be a list of names")
    }
    let weights = try merge.array("weights")?.compactMap(\.doubleValue) ?? ids.map { _ in 1 }
    guard weights.count == ids.count else { throw merge.failure("weights", "must be as many numbers as ids") }
    do {
      return try MixSpecification(
        terms: zip(ids, weights).map {
          .init(adapter: .library(try AdapterName(parsing: $0)), weight: Float($1))
        })
    } catch { throw APIError.invalid(merge.path("ids"), "\(error)") }
  }
}
