/// One record of an event file: `Event` of `tensorboard/compat/proto/event.proto`, with the fields that are used.
struct TensorBoardEvent {
  enum Content {
    /// Opens every file.
    case version
    /// The run goes on from here: what earlier files say of this step and later ones no longer holds.
    case start
    case scalars([(tag: String, value: Double)])
    /// Shown as Markdown under TEXT.
    case text(tag: String, String)
  }

  /// Seconds since 1970.
  var wallTime: Double
  var step: Int
  var content: Content

  var bytes: [UInt8] {
    var event = ProtobufMessage()
    event.double(wallTime, field: 1)
    if step != 0 { event.integer(Int64(step), field: 2) }
    switch content {
    case .version: event.string("brain.Event:2", field: 3)
    // SessionLog, its status START.
    case .start: event.message(field: 7) { $0.integer(1, field: 1) }
    case .scalars(let scalars):
      event.message(field: 5) { summary in
        for scalar in scalars {
          summary.message(field: 1) { value in
            value.string(scalar.tag, field: 1)
            value.float(Float(scalar.value), field: 2)
          }
        }
      }
    case .text(let tag, let text):
      event.message(field: 5) { summary in
        summary.message(field: 1) { Self.text(tag, text, in: &$0) }
      }
    }
    return event.bytes
  }

  /// A tensor of one string, and metadata that give it to the text plugin.
  private static func text(_ tag: String, _ text: String, in value: inout ProtobufMessage) {
    let stringType: Int64 = 7
    let tensorClass: Int64 = 2
    value.string(tag, field: 1)
    value.message(field: 8) { tensor in
      tensor.integer(stringType, field: 1)
      tensor.message(field: 2) { shape in shape.message(field: 2) { $0.integer(1, field: 1) } }
      tensor.string(text, field: 8)
    }
    value.message(field: 9) { metadata in
      metadata.message(field: 1) { $0.string("text", field: 1) }
      metadata.integer(tensorClass, field: 4)
    }
  }
}
