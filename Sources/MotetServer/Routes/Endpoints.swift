import Hummingbird
import MotetFormats

/// All addresses of a server.
enum Endpoints {
  static func all(_ parts: ServerParts, registry: PrometheusRegistry) -> [any Endpoint] {
    let endpoints: [any Endpoint] = [
      RootEndpoint(), HealthEndpoint(), ReadyEndpoint(parts: parts),
      ModelsEndpoint(parts: parts), ModelEndpoint(parts: parts),
      ChatCompletionsEndpoint(parts: parts), CompletionsEndpoint(parts: parts),
      EmbeddingsEndpoint(parts: parts),
      LoadLoRAEndpoint(parts: parts), UnloadLoRAEndpoint(parts: parts),
      AdaptersEndpoint(parts: parts), AddAdapterEndpoint(parts: parts), RemoveAdapterEndpoint(parts: parts),
      PinAdapterEndpoint(parts: parts, isPinned: true), PinAdapterEndpoint(parts: parts, isPinned: false),
      RouteEndpoint(parts: parts), TokenizeEndpoint(parts: parts), DetokenizeEndpoint(parts: parts),
      FeedbackEndpoint(parts: parts), LoRAAdaptersEndpoint(parts: parts),
      SetLoRAScalesEndpoint(parts: parts),
      LlamaCompletionEndpoint(parts: parts),
      GenerateEndpoint(parts: parts), GenerateStreamEndpoint(parts: parts),
      MetricsEndpoint(parts: parts, registry: registry),
    ]
    let hasKeys = parts.authorization.keys != nil
    let own = OpenAPIEndpoint(document: "")
    let document = OpenAPIDocument.json(endpoints + [own], hasKeys: hasKeys)
    return endpoints + [OpenAPIEndpoint(document: document.text())]
  }

  /// Puts every address on a router.
  static func register(_ endpoints: [any Endpoint], on router: Router<ServerContext>, _ parts: ServerParts) {
    for endpoint in endpoints {
      router.on(RouterPath(endpoint.path), method: endpoint.method) { request, context in
        var context = context
        context.caller = try parts.authorization.caller(of: request, for: endpoint.access)
        return try await endpoint.respond(to: request, context)
      }
    }
  }
}
