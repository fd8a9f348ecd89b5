import Foundation
import MotetModels

/// What is wrong with a request by itself, before it is queued.
struct RequestCheck {
  let vocabulary: Int
  let context: Int

  /// Of the likeliest tokens that can be told.
  static let maximumLogprobs = 100

  /// - Throws: ``ServingError/invalid(parameter:message:)``, ``ServingError/tooLong(tokens:context:)``
  func check(_ request: ServingRequest) throws {
    try require(!request.prompt.isEmpty, "prompt", "the prompt is empty; give at least one token")
    try checkTokens(request.prompt, "prompt")
    try require(
      request.maximumTokens >= 1, "max_tokens", "max_tokens is \(request.maximumTokens); give at least 1")
    guard request.prompt.count < context else {
      throw ServingError.tooLong(tokens: request.prompt.count, context: context)
    }
    if let logprobs = request.logprobs {
      try require(
        (0...Self.maximumLogprobs).contains(logprobs), "top_logprobs",
        "\(logprobs) alternatives cannot be told; give 0 to \(Self.maximumLogprobs)")
    }
    try checkWeight(request.clientWeight)
    try check(request.sampling)
  }

  func checkWeight(_ weight: Double) throws {
    try require(
      weight.isFinite && weight > 0, "weight",
      "a client's weight must be a finite number above 0 (got \(weight))")
  }

  /// A text to be embedded.
  func checkText(_ tokens: [Int32]) throws {
    try require(!tokens.isEmpty, "input", "a text is empty; give at least one token")
    try checkTokens(tokens, "input")
    guard tokens.count <= context else { throw ServingError.tooLong(tokens: tokens.count, context: context) }
  }

  private func check(_ sampling: ServingSampling) throws {
    try range(sampling.temperature, 0...100, "temperature")
    try require(sampling.topK >= 0, "top_k", "top_k is \(sampling.topK); give 0 for all, or how many")
    try require(
      sampling.topP > 0 && sampling.topP <= 1, "top_p",
      "top_p is \(sampling.topP); give a share above 0, up to 1")
    try range(sampling.minP, 0...1, "min_p")
    try require(
      sampling.repetitionPenalty > 0 && sampling.repetitionPenalty <= 100, "repetition_penalty",
      "repetition_penalty is \(sampling.repetitionPenalty); give a number above 0, 1 for none")
    try range(sampling.presencePenalty, -100...100, "presence_penalty")
    try range(sampling.frequencyPenalty, -100...100, "frequency_penalty")
    try checkTokens(sampling.logitBias.keys, "logit_bias")
    for bias in sampling.logitBias.values {
      try require(bias.isFinite, "logit_bias", "a bias of \(bias) is not finite")
    }
  }

  private func checkTokens(_ tokens: some Sequence<Int32>, _ parameter: String) throws {
    for token in tokens where token < 0 || Int(token) >= vocabulary {
      throw ServingError.invalid(
        parameter: parameter, message: "there is no token \(token); they go from 0 to \(vocabulary - 1)")
    }
  }

  private func range(_ value: Float, _ range: ClosedRange<Float>, _ parameter: String) throws {
    try require(
      range.contains(value), parameter,
      "\(parameter) is \(value); give a number from \(range.lowerBound) to \(range.upperBound)")
  }

  private func require(_ condition: Bool, _ parameter: String, _ message: String) throws {
    guard condition else { throw ServingError.invalid(parameter: parameter, message: message) }
  }
}
