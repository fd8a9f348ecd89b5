import MotetTokenizers

/// How a model's files are read where they do not say it, or say it wrong.
public struct ModelReading: Sendable, Equatable {
  /// The family that a Hugging Face folder is taken for; nil goes by its `model_type`.
  public var architecture: String?
  /// The chat template, a file or the name of one that Motet brings along; nil takes the model's own.
  public var chatTemplate: String?

  public init(architecture: String? = nil, chatTemplate: String? = nil) {
    self.architecture = architecture
    self.chatTemplate = chatTemplate
  }
}

extension ModelReading {
  /// The model's own template; one that cannot be read is none where another is given.
  func ownTemplate(_ read: () throws -> ChatTemplate?) throws -> ChatTemplate? {
    chatTemplate == nil ? try read() : try? read()
  }

  /// The template that is asked for, with the special tokens of the model's own; else that.
  func template(inPlaceOf own: ChatTemplate?) throws -> ChatTemplate? {
    guard let chatTemplate else { return own }
    return try ChatTemplate(fileOrName: chatTemplate, specialTokens: own?.specialTokens ?? [:])
  }
}
