import MotetAdapters
import MotetFormats
import MotetServing

/// The adapters as llama.cpp numbers them: the newest version of each name that the caller may use, by name.
struct LoraList: Sendable {
  let names: [String]

  init(of service: any AnswerService, for caller: Caller) async throws {
    names = Set(try await service.adapters(within: caller.scope).map(\.name)).sorted()
  }

  /// `[{id, scale}]`: names by their place, in the order they are given.
  /// - Parameter fields: where the list stands as `lora`; nil where it is the body itself
  func scales(
    _ entries: [JSONValue], in fields: RequestFields? = nil, _ limits: ServerLimits
  ) throws -> [(name: String, scale: Float)] {
    // Each adapter once, or too many for a mix all the same.
    let most = max(names.count, limits.mixTerms)
    guard entries.count <= most else {
      throw APIError.invalid("lora", "the list has \(entries.count) entries: give at most \(most)")
    }
    return try entries.enumerated().map { index, value in
      let path = (fields?.path("lora") ?? "") + "[\(index)]"
      guard case .object(let members) = value else {
        throw APIError.invalid(path, "\"\(path)\" must be an object")
      }
      let entry = RequestFields(members: members, prefix: path + ".")
      guard let id = try entry.integer("id", in: 0...Int(Int32.max)) else {
        throw entry.failure("id", "is missing: give a place in GET /lora-adapters")
      }
      guard let scale = try entry.number("scale", in: -1000...1000) else {
        throw entry.failure("scale", "is missing: give a number")
      }
      guard names.indices.contains(id) else {
        throw APIError(
          .notFound, "no adapter has the id \(id); GET /lora-adapters lists \(names.count)",
          parameter: entry.path("id"), code: "model_not_found")
      }
      return (names[id], scale)
    }
  }

  static func mix(
    _ scales: [(name: String, scale: Float)], _ limits: ServerLimits
  ) throws -> MixSpecification {
    let terms = try scales.filter { $0.scale != 0 }.map { name, scale in
      MixSpecification.Term(adapter: .library(try AdapterName(name)), weight: scale)
    }
    do { return try MixSpecification(terms: terms, most: limits.mixTerms) } catch {
      throw APIError.invalid("lora", "\(error)")
    }
  }
}
