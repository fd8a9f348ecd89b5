import MotetServing

/// The adapters as llama.cpp numbers them: the newest version of each name that the caller may use, by name.
enum LoraList {
  static func names(of service: any AnswerService, for caller: Caller) async throws -> [String] {
    Set(try await service.adapters().map(\.name).filter(caller.scope.allows)).sorted()
  }
}
