/// What can be wrong with a mix as it was written.
public enum MixError: Error, Equatable, CustomStringConvertible {
  case empty
  case emptyTerm(position: Int, text: String)
  case noAdapter(position: Int, text: String)
  case baseInMix(position: Int)
  case badAdapter(position: Int, reason: String)
  case weightNoNumber(text: String, adapter: String, position: Int)
  case weightNotFinite(text: String, adapter: String, position: Int)
  case repeated(adapter: String, position: Int)
  case tooMany(most: Int)
  case noFolder(path: String, isFile: Bool)

  public var description: String {
    switch self {
    case .empty:
      "the mix is empty; write base for the model alone, or adapters such as code=0.5+math=0.4"
    case .emptyTerm(let position, let text):
      "mix '\(printable(text))': term \(position) is empty; between two '+' stands an adapter"
    case .noAdapter(let position, let text):
      "mix '\(printable(text))': term \(position) has a weight and no adapter; write NAME=WEIGHT"
    case .baseInMix(let position):
      "mix, term \(position): base is the model without adapters and takes no weight and no company; "
        + "leave it out, smaller weights leave more of the base"
    case .badAdapter(let position, let reason):
      "mix, term \(position): \(reason)"
    case .weightNoNumber(let text, let adapter, let position):
      "mix, term \(position): the weight '\(printable(text))' of \(adapter) is no number; "
        + "write \(adapter)=0.5"
    case .weightNotFinite(let text, let adapter, let position):
      "mix, term \(position): the weight '\(printable(text))' of \(adapter) is not finite; "
        + "write \(adapter)=0.5"
    case .repeated(let adapter, let position):
      "mix, term \(position): \(adapter) is there already; give each adapter once, with its whole weight"
    case .tooMany(let most):
      "the mix has more than \(most) terms; give at most \(most), or merge adapters with motet merge"
    case .noFolder(let path, let isFile):
      isFile
        ? "\(printable(path)) is a file; name the folder that holds adapter_config.json"
        : "no folder \(printable(path)); check the path, or name an adapter of the library"
    }
  }
}
