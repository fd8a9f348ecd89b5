import Hummingbird
import MotetAdapters
import MotetFormats

/// `POST /v1/load_lora_adapter`, by vLLM's name and body; from the folders that the server was started with only.
struct LoadLoRAEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/v1/load_lora_adapter"
  let access = Access.admin
  let operation = Operation(
    summary: "Make a folder's adapter known by a name.", tag: "vLLM",
    body: Schema.object(
      [
        "lora_name": Schema.adapterName, "lora_path": Schema.text(least: 1),
        "load_inplace": Schema.boolean,
      ],
      required: ["lora_name", "lora_path"]), results: [Operation.text("Done.")],
    errors: [400, 403, 404, 409, 422, 503])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let fields = try await request.json(parts, context).fields
    let name = try fields.required("lora_name")
    // Always done: what was known by the name makes room, unless its files are still the same.
    _ = try fields.bool("load_inplace")
    try await parts.load(name, from: fields.required("lora_path"), by: context, parameter: "lora_name")
    return .text("Success: LoRA adapter '\(name)' added successfully.")
  }
}

/// `POST /v1/unload_lora_adapter`
struct UnloadLoRAEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/v1/unload_lora_adapter"
  let access = Access.admin
  let operation = Operation(
    summary: "Take an adapter out of memory.", tag: "vLLM",
    body: Schema.object(
      ["lora_name": Schema.text(least: 1), "lora_int_id": Schema.integer(Int.min, Int.max)],
      required: ["lora_name"]),
    results: [Operation.text("Done.")], errors: [404, 409, 422, 503])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let fields = try await request.json(parts, context).fields
    let name = try fields.required("lora_name")
    // Adapters go by their names here.
    _ = try fields.integer("lora_int_id", in: Int.min...Int.max)
    try await parts.unload(name, by: context)
    return .text("Success: LoRA adapter '\(name)' removed successfully.")
  }
}

extension ServerParts {
  /// Loads an adapter for a caller, who may only take names that the key may use.
  func load(_ name: String, from path: String, by context: ServerContext, parameter: String) async throws {
    do {
      let parsed = try AdapterName(parsing: name)
      guard parsed.version == nil else {
        throw APIError.invalid(parameter, "\"\(name)\" names a version; a folder is loaded by a name alone")
      }
    } catch let error as LibraryError { throw APIError.invalid(parameter, "\(error)") }
    guard name != service.baseName, name != "auto" else {
      throw APIError.invalid(parameter, "\"\(name)\" means something else here; choose another name")
    }
    guard !path.contains("\0") else { throw APIError.invalid("lora_path", "a path holds no zero byte") }
    guard path.utf8.count <= limits.pathBytes else {
      throw APIError.invalid("lora_path", "a path has at most \(limits.pathBytes) bytes")
    }
    try await change(name, by: context) {
      try await service.load(name, from: path, within: context.caller.scope)
    }
    context.logger.info("loaded an adapter", metadata: ["adapter": "\(name)", "path": "\(path)"])
  }

  func unload(_ name: String, by context: ServerContext) async throws {
    try await change(name, by: context) { try await service.unload(name, within: context.caller.scope) }
    context.logger.info("unloaded an adapter", metadata: ["adapter": "\(name)"])
  }

  /// Another's adapter looks like one that is not there.
  func change(_ name: String, by context: ServerContext, _ body: () async throws -> Void) async throws {
    guard context.caller.scope.allows(name) else { throw await chooser(for: context.caller).unknown(name) }
    try await known(to: context.caller, body)
  }
}
