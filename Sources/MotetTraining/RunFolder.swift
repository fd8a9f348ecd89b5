import Foundation
import MotetFormats

/// The folder of an adapter that is being trained: beside an older adapter, maybe, it holds the logs and the checkpoints of
/// the run, and `.motet-run`, which says that they are the run's own and is held by its process.
struct RunFolder {
  let folder: URL

  static let mark = ".motet-run"
  static let checkpoints = "checkpoints"

  /// Whether a path in the folder is of the logs, which are written again beside the adapter when it is saved.
  static func isLog(_ path: String) -> Bool {
    path == AdapterLogs.textFile || path == AdapterLogs.boardFolder
      || path.hasPrefix(AdapterLogs.boardFolder + "/")
  }

  /// Whether what a run that did not end left is here.
  private var isBegun: Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: Self.mark).path)
      || Checkpoints(folder: folder.appending(path: Self.checkpoints)).holdsOwn
  }

  /// - Parameter replaces: whether an adapter that is there gives way
  /// - Throws: `OwnedFolderError` for a folder that holds anything that is not Motet's
  func check(replaces: Bool) throws {
    var owned = OwnedFolder(folder, kind: .adapter, overwriting: replaces)
    if isBegun {
      owned.owns = { path in
        path == Self.mark || Self.isLog(path) || path == Self.checkpoints
          || path.hasPrefix(Self.checkpoints + "/")
      }
    }
    try owned.check()
  }

  /// Marks it as a run's, for as long as the lock lives.
  /// - Throws: ``TrainingError/busy(folder:)``, or `FormatError` when the folder cannot be written
  func begin() throws -> RunLock { try RunLock(folder.appending(path: Self.mark), of: folder) }

  /// Takes the mark away where nothing of the run is left but what `motet.json` lists.
  func end() {
    guard Checkpoints(folder: folder.appending(path: Self.checkpoints)).newest() == nil else { return }
    let place = folder.path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
    let listed = FolderManifest(of: place)?.files.contains(AdapterLogs.textFile) ?? false
    guard listed || !names.contains(where: Self.isLog) else { return }
    unlink(folder.appending(path: Self.mark).path)
    rmdir(place)
  }

  /// Puts a finished adapter here, whole or not at all. What else came in while the run went stays.
  /// - Parameter content: fills the new folder, `motet.json` last
  /// - Throws: `OwnedFolderError`, `FormatError`, or what `content` throws
  static func replace(_ folder: URL, _ content: (URL) throws -> Void) throws {
    var owned = OwnedFolder(folder, kind: .adapter, overwriting: true)
    owned.owns = { isLog($0) }
    owned.keepsOthers = true
    try owned.write(content)
  }

  /// Removes the logs of a run that has its adapter elsewhere.
  static func removeLogs(in folder: URL) {
    unlink(folder.appending(path: AdapterLogs.textFile).path)
    let board = folder.appending(path: AdapterLogs.boardFolder)
    for file in TensorBoardLog.files(in: board) { unlink(file.path) }
    rmdir(board.path)
    rmdir(folder.path)
  }
}
