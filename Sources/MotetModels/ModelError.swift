import MotetFormats

/// What can be wrong with a base model or with what it is asked.
public enum ModelError: Error, Equatable, CustomStringConvertible {
  case notFound(name: String, looked: [String])
  case noTokenizer(path: String)
  /// A conversation for a base without a chat template.
  case noTemplate(name: String)
  /// Ids of the tokenizer that the embedding has no row for.
  case tokensWithoutRow(first: String, id: Int, ids: Int, rows: Int, path: String)
  /// Tensors that the model has no use for.
  case strangers(names: [String], path: String)
  case noHead(path: String)
  case noArchitecture(String, known: [String])
  /// A `model_type` that no family has, and the family whose tensors it has.
  case unknownFamily(String, known: [String], resembling: String?, path: String)
  /// Several models where one was asked for.
  case severalModels(path: String, names: [String])
  /// A folder or file that holds no model, and what it holds.
  case noModel(path: String, found: String)
  case missingTensor(name: String, path: String)
  case wrongShape(name: String, shape: [Int], expected: [Int], path: String)
  case notFinite(name: String, path: String)
  case notQuantized(name: String, precision: String)
  case roundedAlready(path: String)
  case noCalibration
  case plainScales(site: String, path: String)
  case tooLong(tokens: Int, context: Int)
  case virtualTokens(Int, context: Int)
  case emptyPrompt
  /// A row that trains, or teaches, carries an update of the head.
  case headUpdate
  /// The scores of an answer's next token are NaN or infinite.
  case scoresNotFinite
  case adapterMismatch(adapter: String, base: String, reason: String)
  /// It changes what is not there, or has another shape.
  case adapterMisfit(adapter: String, base: String, reason: String)

  public var description: String {
    switch self {
    case .notFound(let name, let looked):
      "no base model \"\(name)\": looked at \(looked.joined(separator: ", ")); "
        + ((try? HubName(parsing: name)).map { "`motet pull \($0)` fetches it if the hub has it" }
          ?? "`motet pull` fetches the default one")
    case .noTokenizer(let path): "\(path) has no tokenizer.json: put the model's beside its weights"
    case .noTemplate(let name):
      "\(name) has no chat template, so it goes on with plain text and holds no conversation; give one with "
        + "--chat-template FILE, or a name such as --chat-template chatml"
    case .tokensWithoutRow(let first, let id, let ids, let rows, let path):
      "\(path): the tokenizer has \(ids) ids and the embedding \(rows) rows: there is none for \(quoted(first)) "
        + "(id \(id)); take the added token out of the tokenizer, or give it a row with transformers' "
        + "resize_token_embeddings(\(ids)) and save the model again"
    case .strangers(let names, let path):
      "\(path): \(names.count == 1 ? "the tensor" : "\(names.count) tensors") \(FolderContents.list(names, upTo: 3)) "
        + "\(names.count == 1 ? "has" : "have") no place in a model of this configuration, and leaving "
        + "\(names.count == 1 ? "it" : "them") out would give another model; check config.json, or use another model"
    case .noArchitecture(let name, let known):
      "there is no architecture \(quoted(name)): choose \(known.joined(separator: ", "))"
    case .unknownFamily(let type, let known, let resembling, let path):
      "\(path): the model_type \(quoted(type)) is not known (known: \(known.joined(separator: ", "))); "
        + (resembling.map { "its tensors are those of a \($0): try --architecture \($0)" }
          ?? "its tensors are not those of a family that is known")
    case .noHead(let path):
      "\(path): there is no tensor 'lm_head.weight', and config.json does not tie the head to the embedding; set "
        + "\"tie_word_embeddings\": true if the model has no head of its own, or fetch it again"
    case .severalModels(let path, let names):
      "\(path) holds several models: \(FolderContents.list(names)); name the one to use"
    case .noModel(let path, let found): "\(path) is not a base model: \(found)"
    case .missingTensor(let name, let path): "\(path) lacks the tensor \(name); fetch the model again"
    case .wrongShape(let name, let shape, let expected, let path):
      "\(path): the tensor \(name) is \(shape), but the configuration asks for \(expected)"
    case .notFinite(let name, let path):
      "\(path): the tensor \(name) holds values that are not finite; fetch the model again"
    case .notQuantized(let name, let precision):
      "\(name) is in \(precision): load it in nf4 to save it quantized"
    case .roundedAlready(let path):
      "\(path) is in NF4 already, and what was rounded away is gone: quantize the model that it was made from"
    case .noCalibration: "there is no text to calibrate on: give rows that have some"
    case .plainScales(let site, let path):
      "\(path): \(site) is in NF4 already, with scales that are not quantized; use the folder as it is"
    case .tooLong(let tokens, let context):
      "\(tokens) tokens do not fit the model's context of \(context); shorten the prompt or ask for fewer tokens"
    case .virtualTokens(let count, let context):
      "\(count) virtual tokens leave no room in the model's context of \(context); take fewer"
    case .headUpdate:
      "an adapter of lm_head answers and is evaluated, but nothing trains on top of it or learns from it; merge it into "
        + "the base with `motet fuse` first"
    case .emptyPrompt: "the prompt is empty; give at least one word"
    case .scoresNotFinite:
      "the scores of the next token are not numbers: the weights of the base or of the mix hold values that overflow; "
        + "check them with motet adapters verify, or try --precision f32"
    case .adapterMismatch(let adapter, let base, let reason):
      "the adapter \(adapter) was made for another base than \(base) (\(reason)); "
        + "--force uses it all the same"
    case .adapterMisfit(let adapter, let base, let reason):
      "the adapter \(adapter) does not fit \(base): \(reason); give the base that it was trained on"
    }
  }
}
