import Hummingbird
import MotetFormats
import MotetServing

extension ServedAdapter {
  /// For a caller who may see the adapter, not always what it stands on.
  func json(for caller: Caller, base: String) -> JSONValue {
    [
      "name": .string(name), "version": version.map(JSONValue.int) ?? .null,
      "parent": .string(caller.scope.allows(parent) ? parent : base), "method": .string(method),
      "rank": rank.map(JSONValue.int) ?? .null, "loaded": .bool(isLoaded), "bytes": .int(bytes),
      "pinned": .bool(isPinned), "created": .int(created),
    ]
  }
}

/// `GET /adapters`: every adapter and whether it is in memory.
struct AdaptersEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.get
  let path = "/adapters"
  let access = Access.key
  let operation = Operation(
    summary: "List the adapters and which are in memory.", tag: "adapters",
    results: [
      Operation.json(
        Schema.object(["adapters": Schema.array(of: Schema.reference("Adapter"))], required: ["adapters"]))
    ])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let adapters = try await parts.service.adapters(within: context.caller.scope)
    let sorted = adapters.sorted { ($0.name, $0.version ?? 0) < ($1.name, $1.version ?? 0) }
    return .json([
      "adapters": .array(sorted.map { $0.json(for: context.caller, base: parts.service.baseName) })
    ])
  }
}

/// `POST /adapters`: makes a folder's adapter known by a name, in place of one of that name.
struct AddAdapterEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/adapters"
  let access = Access.admin
  let operation = Operation(
    summary: "Make a folder's adapter known by a name.", tag: "adapters",
    body: Schema.object(
      ["name": Schema.adapterName, "path": Schema.text(least: 1), "pinned": Schema.boolean],
      required: ["name", "path"]),
    results: [Operation.json(Schema.reference("Adapter"), status: 201)], errors: [403, 404, 409, 422, 503])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let fields = try await request.json(parts, context).fields
    let name = try fields.required("name")
    let path = try fields.required("path")
    let pinned = try fields.bool("pinned")
    let wasKnown = try await parts.service.adapters().contains { $0.name == name && $0.version == nil }
    try await parts.load(name, from: path, by: context, parameter: "name")
    if let pinned {
      let scope = context.caller.scope
      do {
        try await parts.change(name, by: context) {
          try await parts.service.pin(name, pinned, within: scope)
        }
      } catch {
        // What is refused leaves nothing behind.
        if !wasKnown { try? await parts.unload(name, by: context) }
        throw error
      }
    }
    // The one loaded by name has no version; a version of the library may share the name.
    let known = try await parts.service.adapters(within: context.caller.scope).filter { $0.name == name }
    guard let adapter = known.first(where: { $0.version == nil }) ?? known.first else {
      throw await parts.chooser(for: context.caller).unknown(name)
    }
    return .json(adapter.json(for: context.caller, base: parts.service.baseName), status: .created)
  }
}

/// `DELETE /adapters/{name}`
struct RemoveAdapterEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.delete
  let path = "/adapters/{name}"
  let access = Access.admin
  let operation = Operation(
    summary: "Take an adapter out of memory, and off the list where it was loaded by name.", tag: "adapters",
    parameters: ["name": "The adapter."],
    results: [Operation.json(Schema.object(["unloaded": Schema.string], required: ["unloaded"]))],
    errors: [404, 409, 422, 503])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let name = try parameter("name", context)
    try await parts.unload(name, by: context)
    return .json(["unloaded": .string(name)])
  }
}

/// `PUT` and `DELETE /adapters/{name}/pin`: keeps an adapter in memory, or no longer.
struct PinAdapterEndpoint: Endpoint {
  let parts: ServerParts
  let isPinned: Bool
  let path = "/adapters/{name}/pin"
  let access = Access.admin

  var method: HTTPRequest.Method { isPinned ? .put : .delete }

  var operation: Operation {
    Operation(
      summary: isPinned ? "Keep an adapter in memory." : "Let an adapter leave memory again.",
      tag: "adapters",
      parameters: ["name": "The adapter."],
      results: [
        Operation.json(
          Schema.object(["name": Schema.string, "pinned": Schema.boolean], required: ["name", "pinned"]))
      ], errors: [404, 409, 422, 503])
  }

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let name = try parameter("name", context)
    try await parts.change(name, by: context) {
      try await parts.service.pin(name, isPinned, within: context.caller.scope)
    }
    return .json(["name": .string(name), "pinned": .bool(isPinned)])
  }
}
