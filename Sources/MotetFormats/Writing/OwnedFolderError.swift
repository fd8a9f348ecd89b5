/// Why a folder is not written.
public enum OwnedFolderError: Error, Equatable, CustomStringConvertible {
  case isFile(path: String)
  /// The current folder, the user's home, or one above them.
  case isProtected(path: String, what: String)
  case holdsOther(path: String, file: String)
  case holdsModel(path: String)
  case holdsAdapter(path: String)
  /// One that PEFT wrote, or Motet before its records listed files.
  case holdsForeignAdapter(path: String)
  case isModel(path: String)
  case isAdapter(path: String)

  public var description: String {
    switch self {
    case .isFile(let path): "\(path) is a file: give --output a folder"
    case .isProtected(let path, let what):
      "\(path.isEmpty ? "an empty path" : path) means \(what), which is never written over: give --output a folder of its own"
    case .holdsOther(let path, let file):
      "\(path) holds \(file), which is not in the list of files that a motet.json there says Motet wrote, so nothing "
        + "is replaced: choose another --output, or move it away"
    case .holdsModel(let path):
      "\(path) already exists: choose another --output, or replace it with --overwrite"
    case .holdsAdapter(let path):
      "\(path) already holds an adapter: choose another --output, or replace it with --overwrite"
    case .holdsForeignAdapter(let path):
      "\(path) already holds an adapter, and no motet.json that lists its files, so it is not replaced: choose another "
        + "--output, or move it away"
    case .isModel(let path):
      "\(path) holds a model, not an adapter, so --overwrite does not replace it: choose another --output"
    case .isAdapter(let path):
      "\(path) holds an adapter, not a model, so --overwrite does not replace it: choose another --output"
    }
  }
}
