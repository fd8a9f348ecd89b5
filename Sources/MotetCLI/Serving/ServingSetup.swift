import Foundation
import Motet
import MotetServer
import MotetServing

/// Builds the engine that a server answers with.
enum ServingSetup {
  /// - Parameters:
  ///   - library: the root of a library; nil for the user's own
  ///   - folders: each holds adapters in folders named as they are
  /// - Throws: ``ServingSetupError`` for a folder that is not there
  static func makeService(
    _ base: BaseModel, library: String?, folders: [String], options: ServingOptions
  ) async throws -> any AnswerService {
    for path in folders + (library.map { [$0] } ?? []) {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
        throw ServingSetupError.noFolder(path: path)
      }
    }
    return await ServingEngine(
      base, library: library.map { AdapterLibrary(root: URL(filePath: $0)) } ?? AdapterLibrary(),
      folders: folders.map { URL(filePath: $0) }, options: options)
  }
}

enum ServingSetupError: Error, CustomStringConvertible {
  case noFolder(path: String)

  var description: String {
    switch self {
    case .noFolder(let path): "\(path): there is no such folder; give one that holds adapters"
    }
  }
}
