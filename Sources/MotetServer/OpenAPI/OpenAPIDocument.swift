import Hummingbird
import MotetAdapters
import MotetFormats

/// The OpenAPI 3.1 document of a server: what its routes say of themselves.
enum OpenAPIDocument {
  static func json(_ endpoints: [any Endpoint], hasKeys: Bool) -> JSONValue {
    var paths: [String: [String: JSONValue]] = [:]
    for endpoint in endpoints {
      paths[endpoint.path, default: [:]][endpoint.method.rawValue.lowercased()] = operation(
        endpoint, hasKeys: hasKeys)
    }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "Motet", "version": .string(motetVersion),
        "description":
          "One base model, many adapters: OpenAI's API, and parts of vLLM's, LoRAX's and llama.cpp's.",
      ],
      "paths": .object(paths.mapValues(JSONValue.object)),
      "components": [
        "schemas": .object(Schemas.all),
        "securitySchemes": ["key": ["type": "http", "scheme": "bearer"]],
      ],
    ]
  }

  private static func operation(_ endpoint: any Endpoint, hasKeys: Bool) -> JSONValue {
    let described = endpoint.operation
    var responses: [String: JSONValue] = [:]
    for result in described.results {
      responses["\(result.status)"] = [
        "description": .string(result.meaning),
        "content": .object(result.content.mapValues { ["schema": $0] }),
      ]
    }
    for status in errors(of: endpoint, hasKeys: hasKeys) {
      responses["\(status)"] = [
        "description": .string(HTTPResponse.Status(code: status).reasonPhrase),
        "content": ["application/json": ["schema": Schema.reference(endpoint.errorShape.schema)]],
      ]
    }
    var members: [String: JSONValue] = [
      "summary": .string(described.summary), "tags": [.string(described.tag)],
      "responses": .object(responses),
      "operationId": .string(identifier(endpoint)),
    ]
    if !described.parameters.isEmpty {
      members["parameters"] = .array(
        described.parameters.sorted { $0.key < $1.key }.map { name, meaning in
          [
            "name": .string(name), "in": "path", "required": true, "description": .string(meaning),
            "schema": Schema.text(least: 1),
          ]
        })
    }
    if let body = described.body {
      members["requestBody"] = ["required": true, "content": ["application/json": ["schema": body]]]
    }
    if endpoint.access != .open { members["security"] = hasKeys ? [["key": []]] : [] }
    return .object(members)
  }

  /// What any route may answer beside what it says itself.
  private static func errors(of endpoint: any Endpoint, hasKeys: Bool) -> [Int] {
    var errors = Set(endpoint.operation.errors)
    if endpoint.operation.body != nil { errors.formUnion([400, 408, 413, 415, 429, 503]) }
    // Of pages of other sites, and for names that are none of the server's.
    if !hasKeys { errors.insert(403) }
    if endpoint.access != .open {
      errors.insert(500)
      if hasKeys { errors.formUnion(endpoint.access == .admin ? [401, 403, 429] : [401, 429]) }
    }
    return errors.sorted()
  }

  private static func identifier(_ endpoint: any Endpoint) -> String {
    let words = endpoint.path.split { !$0.isLetter && !$0.isNumber }.joined(separator: "_")
    return endpoint.method.rawValue.lowercased() + "_" + (words.isEmpty ? "root" : words)
  }
}
