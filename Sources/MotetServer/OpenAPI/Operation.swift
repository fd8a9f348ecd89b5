import MotetFormats

/// What the published document says of a route.
struct Operation: Sendable {
  struct Result: Sendable {
    var status = 200
    var meaning: String
    /// Bodies by media type.
    var content: [String: JSONValue]
  }

  /// One line.
  var summary: String
  var tag: String
  /// What stands in the path, with its meaning.
  var parameters: [String: String] = [:]
  /// The schema of the JSON body; nil: none is read.
  var body: JSONValue?
  var results: [Result]
  /// Other statuses that it answers, each with the error body.
  var errors: [Int] = []

  static func json(_ schema: JSONValue, _ meaning: String = "Done.", status: Int = 200) -> Result {
    Result(status: status, meaning: meaning, content: ["application/json": schema])
  }

  static func text(_ meaning: String, type: String = "text/plain") -> Result {
    Result(meaning: meaning, content: [type: Schema.string])
  }

  /// A whole answer, or a stream of events.
  static func answer(_ schema: JSONValue) -> Result {
    Result(
      meaning: "The answer; with stream, server-sent events.",
      content: ["application/json": schema, "text/event-stream": Schema.anything])
  }
}
