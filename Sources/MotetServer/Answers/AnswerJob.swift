import Foundation
import MotetServing

/// A client's request, read and ready for the engine.
struct AnswerJob: Sendable {
  /// What the answer is called: `chatcmpl-…`.
  let id: String
  let created = Int(Date().timeIntervalSince1970)
  /// The model as the client wrote it.
  let model: String
  let choice: MixChoice
  var requests: [ServingRequest]
  /// Answers to each prompt.
  let choices: Int

  /// Tokens of all prompts, each prompt counted once.
  var promptTokens: Int {
    stride(from: 0, to: requests.count, by: choices).reduce(0) { $0 + requests[$1].prompt.count }
  }
}

/// A job under way.
struct RunningJob: Sendable {
  let job: AnswerJob
  let stream: AnswerStream
  /// What the engine said when the first answer began.
  let mix: ServedMix
  let cachedTokens: Int
  /// Ends the watch over the client and the clock.
  let leave: @Sendable () -> Void
}

extension ServerParts {
  /// A client's request, with an id of its own.
  /// - Parameters:
  ///   - prefix: what its id begins with, in the API that it came by
  ///   - model: as the client wrote it; nil where it named none
  ///   - prompts: `[prompts][tokens]`
  ///   - parameter: what the API calls the prompt
  /// - Throws: ``APIError`` for a prompt that does not fit
  func job(
    _ prefix: String, _ settings: AnswerSettings, model: String?, prompts: [[Int32]], choice: MixChoice,
    parameter: String
  ) throws -> AnswerJob {
    let id = prefix + UUID().uuidString.replacing("-", with: "").lowercased()
    return AnswerJob(
      id: id, model: model ?? service.baseName, choice: choice,
      requests: try settings.requests(
        id: id, prompts: prompts, mix: choice, context: service.context, limits: limits,
        parameter: parameter), choices: settings.choices)
  }

  /// Hands a job to the engine and waits until its first answer is under way. Its rows are free again when the client
  /// goes, the time is over or the stream is let go.
  /// - Throws: ``APIError``, ``ServingError``
  func start(_ job: AnswerJob, _ context: ServerContext) async throws -> RunningJob {
    context.notes.note("model", job.model.shown(200))
    if let name = context.caller.name { context.notes.note("key", name) }
    let share = try shares.begin(
      context.caller, answers: job.requests.count, promptTokens: job.promptTokens)
    let (ending, seconds) = (AnswerEnding(), limits.requestSeconds)
    // Before the requests are asked for: a client may leave meanwhile, or have left.
    let ticket = watch.onLeave(of: context.connection) { ending.end(CancellationError()) }
    let clock = Task {
      try await Task.sleep(for: .seconds(seconds))
      ending.end(APIError.late(seconds))
    }
    let leave: @Sendable () -> Void = { [watch] in
      clock.cancel()
      share.end()
      watch.forget(ticket, of: context.connection)
    }
    do {
      let stream = try await known(to: context.caller) {
        try await AnswerStream(
          job.requests.map { request in
            var request = request.sent(by: context.caller)
            if share.countsTokens { request.comesWhole = false }
            return request
          }, of: service, ending: ending, spending: share.spend)
      }
      let first = try await known(to: context.caller) { try await stream.first() }
      guard case .begun(let mix, let cached) = first.event else { throw APIError.internalFailure }
      context.notes.note("mix", mix)
      recent.remember(
        [job.id, context.requestID], of: context.caller, adapters: mix.terms.map(\.name))
      return RunningJob(job: job, stream: stream, mix: mix, cachedTokens: cached, leave: leave)
    } catch {
      leave()
      throw error
    }
  }

  /// All of a job's answers.
  func whole(_ job: AnswerJob, _ context: ServerContext) async throws -> [Answer] {
    var job = job
    for index in job.requests.indices { job.requests[index].comesWhole = true }
    let running = try await start(job, context)
    defer { running.leave() }
    var answers = try await running.stream.whole(count: job.requests.count)
    for index in answers.indices {
      answers[index].mix = running.mix
      record(answers[index], context)
    }
    return answers
  }

  func record(_ answer: Answer, _ context: ServerContext) {
    guard let reason = answer.finish else { return }
    metrics.ended(answer.mix, answer.usage)
    context.notes.note("finish", reason.rawValue)
    context.notes.note("completion_tokens", answer.usage.completionTokens)
    context.notes.note("prompt_tokens", answer.usage.promptTokens)
  }

  /// Says which names are near in the caller's own terms, and to a key of some adapters not what the others take of the
  /// memory: the engine does not know whose adapters are whose.
  func known<T: Sendable>(to caller: Caller, _ body: () async throws -> T) async throws -> T {
    do { return try await body() } catch ServingError.unknownModel(let name, _) {
      throw await chooser(for: caller).unknown(name)
    } catch let error as ServingError where caller.scope.isLimited {
      guard let told = APIError(error), told.code == APIError.noRoom.code else { throw error }
      throw APIError.noRoom
    }
  }
}
