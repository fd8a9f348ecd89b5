import Hummingbird
import MotetFormats
import MotetServing

/// `GET /lora-adapters`, as llama.cpp's server has it: the places that `lora: [{id, scale}]` means.
///
/// A scale is what requests to `/completion` get that name no adapters: 0 until it is set. The list is the caller's own,
/// by name; loading or removing one moves those after it.
struct LoRAAdaptersEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.get
  let path = "/lora-adapters"
  let access = Access.key
  let operation = Operation(
    summary: "List the adapters by number.", tag: "llama.cpp",
    results: [
      Operation.json(
        Schema.array(
          of: Schema.object(
            ["id": Schema.integer(0), "path": Schema.string, "scale": Schema.number],
            required: ["id", "path", "scale"])))
    ])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let list = try await LoraList(of: parts.service, for: context.caller)
    return .json(
      .array(
        parts.scales.scales(in: list).enumerated().map { id, entry in
          ["id": .int(id), "path": .string(entry.name), "scale": .number(Double(entry.scale))]
        }))
  }
}

/// `POST /lora-adapters`, as llama.cpp's server has it: sets the scales of the caller's list, to 0 for adapters that are
/// not given. Requests under way, and those that say themselves which adapters answer, are as they were.
struct SetLoRAScalesEndpoint: Endpoint {
  let parts: ServerParts
  let method = HTTPRequest.Method.post
  let path = "/lora-adapters"
  let access = Access.admin
  let operation = Operation(
    summary: "Set the adapters of requests to /completion that name none.", tag: "llama.cpp",
    body: Schema.reference("LoRAScales"),
    results: [
      Operation.json(Schema.object(["success": Schema.constant(true)], required: ["success"]))
    ], errors: [404])

  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let entries = try await request.list(parts, context)
    let list = try await LoraList(of: parts.service, for: context.caller)
    let scales = try list.scales(entries, parts.limits)
    // What cannot be a mix is refused here and not by every request after it.
    let mix = try LoraList.mix(scales, parts.limits)
    parts.scales.set(scales, in: list)
    context.logger.info("set the scales of adapters", metadata: ["mix": "\(mix)"])
    return .json(["success": true])
  }
}
