import Foundation
import MotetModels
import Testing

/// What a name or path of a base may lead to.
@Suite struct ModelPlaceTests {
  /// An empty store with these files, and folders for paths.
  private func withStore(_ files: [String], _ body: (ModelStore) throws -> Void) throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "motet-\(UUID().uuidString)")
      .resolvingSymlinksInPath()
    defer { try? FileManager.default.removeItem(at: root) }
    for file in files {
      let place = root.appending(path: file)
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("x".utf8).write(to: place)
    }
    try body(ModelStore(root: root))
  }

  private func problem(_ store: ModelStore, _ name: String) -> String {
    do {
      _ = try store.find(name)
      return ""
    } catch { return "\(error)" }
  }

  @Test func severalGGUFsAreNamed() throws {
    try withStore(["m/a-Q4_0.gguf", "m/a-Q8_0.gguf"]) { store in
      let message = problem(store, "m")
      #expect(message.contains("'a-Q4_0.gguf', 'a-Q8_0.gguf'"), "\(message)")
    }
  }

  @Test func thePartsOfOneGGUFAreOneModel() throws {
    let parts = (1...3).map { "m/tiny-Q8_0-0000\($0)-of-00003.gguf" }
    try withStore(parts + ["m/mmproj-tiny.gguf"]) { store in
      let found = try store.find("m")
      #expect(found.url.lastPathComponent == "tiny-Q8_0-00001-of-00003.gguf")
      #expect(found.name == "m")
      let part = try store.find(store.root.appending(path: parts[1]).path)
      #expect(part.url.path == found.url.path)
      #expect(part.name == "tiny-Q8_0")
    }
  }

  @Test func oneModelBelowAFolderIsUsedAndSaid() throws {
    try withStore(["hub/refs/main", "hub/snapshots/0a1b/config.json", "hub/snapshots/0a1b/model.safetensors"])
    {
      store in
      let found = try store.find("hub")
      #expect(found.url.path.hasSuffix("hub/snapshots/0a1b"))
      #expect(found.note?.contains("snapshots/0a1b is used") == true)
    }
    try withStore(["m/f16/a.gguf", "m/q8/a.gguf"]) { store in
      #expect(problem(store, "m").contains("'f16', 'q8'"))
    }
  }

  @Test func aGGUFBesideAConfigurationWithoutWeightsIsTheModel() throws {
    try withStore(["m/config.json", "m/a.gguf"]) { store in
      let found = try store.find("m").url.lastPathComponent
      #expect(found == "a.gguf")
    }
    try withStore(["m/config.json", "m/a.gguf", "m/model.safetensors"]) { store in
      let found = try store.find("m").url.lastPathComponent
      #expect(found == "m")
    }
  }

  @Test func whatIsNoModelIsSaidToBeWhatItIs() throws {
    let files = [
      "adapter/adapter_config.json", "adapter/adapter_model.safetensors", "cut/a.gguf.part",
      "bare/model.safetensors", "whole/config.json", "whole/model.safetensors", "notes/read.txt",
    ]
    try withStore(files) { store in
      #expect(problem(store, "adapter").contains("holds an adapter"))
      #expect(problem(store, "cut").contains("'a.gguf.part' is a download that has not ended"))
      #expect(problem(store, "bare").contains("no config.json"))
      #expect(problem(store, "notes").contains("neither config.json nor a GGUF"))
      #expect(problem(store, "notes/read.txt").contains("a file of another kind"))
      #expect(problem(store, "whole/model.safetensors").contains("name its folder"))
      #expect(problem(store, "absent").contains("no base model"))
    }
  }
}
