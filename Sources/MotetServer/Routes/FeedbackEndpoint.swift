import Hummingbird
import MotetFormats

/// `POST /feedback`: what a user thought of an answer, counted for each adapter that gave it.
struct FeedbackEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/feedback"
  let access = Access.key

  /// Longer comments are told in the log up to here.
  private static let comment = 2_000

  let operation = Operation(
    summary: "Say how good an answer was.", tag: "motet",
    body: Schema.object(
      [
        "id": Schema.string, "model": Schema.string, "comment": Schema.string,
        "score": Schema.one(of: [Schema.number(-1, 1), Schema.values(["up", "down"])]),
      ], requiringOneOf: ["id", "model"], and: ["score"]),
    results: [
      Operation.json(
        Schema.object(
          ["adapters": Schema.array(of: Schema.string), "score": Schema.number(-1, 1)],
          required: ["adapters", "score"]))
    ], errors: [404])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let fields = try await request.json(parts, context).fields
    let score = try score(fields)
    let adapters = try await adapters(fields, context)
    let comment = try fields.string("comment")
    parts.metrics.feedback(adapters, score: score)
    context.notes.note("score", score)
    context.notes.note("adapters", adapters.joined(separator: ","))
    if let comment { context.notes.note("comment", comment.shown(Self.comment)) }
    return .json([
      "adapters": .array(adapters.isEmpty ? ["base"] : adapters.map(JSONValue.string)),
      "score": .number(score),
    ])
  }

  private func score(_ fields: RequestFields) throws -> Double {
    switch fields["score"] {
    case .string("up"): return 1
    case .string("down"): return -1
    case .some(.string), nil: throw fields.failure("score", "must be a number from -1 to 1, up or down")
    default: return Double(try fields.number("score", in: -1...1) ?? 0)
    }
  }

  /// The adapters of the answer that is meant, or of the model that is named.
  private func adapters(_ fields: RequestFields, _ context: ServerContext) async throws -> [String] {
    let id = try fields.string("id")
    let model = try fields.string("model")
    switch (id, model) {
    case (let id?, nil):
      guard let adapters = parts.recent.adapters(of: id, for: context.caller) else {
        throw APIError(
          .notFound, "no answer of that id is remembered; the last \(parts.limits.rememberedAnswers) are",
          parameter: "id", code: "unknown_id")
      }
      return adapters
    case (nil, .some):
      let choice = try await parts.chooser(for: context.caller).choose(fields, text: nil)
      let known = Set(try await parts.service.adapters(within: context.caller.scope).map(\.name))
      let names = choice.mix.terms.map { $0.adapter.description.prefix { $0 != "@" } }.map(String.init)
      // Only what exists is counted, or a client could make series at will.
      for name in names where !known.contains(name) {
        throw await parts.chooser(for: context.caller).unknown(name)
      }
      return names
    default: throw APIError.invalid("id", "give the id of an answer or a model, one of the two")
    }
  }
}
