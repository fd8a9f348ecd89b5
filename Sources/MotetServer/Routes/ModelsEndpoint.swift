import Hummingbird
import MotetFormats
import MotetServing

/// A model as OpenAI lists it, with vLLM's `root` and `parent`.
struct ModelEntry {
  let id: String
  let created: Int
  /// What it is made of: the base, or the adapter without its version.
  let root: String
  /// nil for the base.
  let parent: String?

  func json(context: Int) -> JSONValue {
    [
      "id": .string(id), "object": "model", "created": .int(created), "owned_by": "motet",
      "root": .string(root),
      "parent": parent.map(JSONValue.string) ?? .null, "max_model_len": .int(context),
    ]
  }

  /// What a caller may see: the base, `auto` where there is a router, each adapter by its name (the newest version) and by
  /// each version.
  static func all(_ parts: ServerParts, for caller: Caller) async throws -> [ModelEntry] {
    let base = parts.service.baseName
    let adapters = try await parts.service.adapters(within: caller.scope)
    var entries = [ModelEntry(id: base, created: parts.started, root: base, parent: nil)]
    if parts.router != nil {
      entries.append(ModelEntry(id: "auto", created: parts.started, root: base, parent: base))
    }
    for (name, versions) in Dictionary(grouping: adapters, by: \.name).sorted(by: { $0.key < $1.key }) {
      let sorted = versions.sorted { ($0.version ?? .max) > ($1.version ?? .max) }
      for (index, adapter) in sorted.enumerated() {
        let parent = caller.scope.allows(adapter.parent) ? adapter.parent : base
        if index == 0 {
          entries.append(ModelEntry(id: name, created: adapter.created, root: name, parent: parent))
        }
        guard let version = adapter.version else { continue }
        entries.append(
          ModelEntry(id: "\(name)@\(version)", created: adapter.created, root: name, parent: parent))
      }
    }
    return entries
  }
}

/// `GET /v1/models`
struct ModelsEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.get
  let path = "/v1/models"
  let access = Access.key
  let operation = Operation(
    summary: "List the base and the adapters.", tag: "OpenAI",
    results: [
      Operation.json(
        Schema.object(
          ["object": Schema.constant("list"), "data": Schema.array(of: Schema.reference("Model"), least: 1)],
          required: ["object", "data"]))
    ])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let entries = try await ModelEntry.all(parts, for: context.caller)
    return .json(["object": "list", "data": .array(entries.map { $0.json(context: parts.service.context) })])
  }
}

/// `GET /v1/models/{id}`
struct ModelEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.get
  let path = "/v1/models/{id}"
  let access = Access.key
  let operation = Operation(
    summary: "Say what a model is.", tag: "OpenAI", parameters: ["id": "A name of the list."],
    results: [Operation.json(Schema.reference("Model"))], errors: [404])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let id = try parameter("id", context)
    let entries = try await ModelEntry.all(parts, for: context.caller)
    guard let entry = entries.first(where: { $0.id == id }) else {
      throw await parts.chooser(for: context.caller).unknown(id)
    }
    return .json(entry.json(context: parts.service.context))
  }
}
