import Foundation
import MotetAdapters
import MotetFormats
import MotetModels
import MotetTensor
import Testing

@Suite struct FusedModelTests {
  private func names(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test func theEmptyMixWritesTheBase() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let folder = place.appending(path: "copy")
      try FusedModel(base, mix: .base).write(to: folder)
      let copy = try await TinyModel.load(folder)
      let before = await base.fingerprint()
      let after = await copy.fingerprint()
      #expect(before == after)
      #expect(copy.configuration == base.configuration)
      #expect(try names(place) == ["copy"])
      for file in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] {
        let original = TinyModel.folder.appending(path: "model/\(file)")
        #expect(try Data(contentsOf: folder.appending(path: file)) == Data(contentsOf: original))
      }
    }
  }

  @Test @Compute func halfTheBytesGiveNearlyTheSameLogits() async throws {
    let base = try await TinyModel.load()
    let adapter = try Adapter.load(TinyModel.adapter, for: base)
    let tokens = try TinyModel.sequences()[0]
    let expected = try base.wholeLogits(tokens, mix: Mix(adapter))
    try await TinyModel.withFolder { place in
      let (f32, bf16) = (place.appending(path: "f32"), place.appending(path: "bf16"))
      try FusedModel(base, mix: Mix(adapter)).write(to: f32)
      try FusedModel(base, mix: Mix(adapter)).write(to: bf16, type: .bf16)
      func size(_ folder: URL) throws -> Int {
        try Data(contentsOf: folder.appending(path: "model.safetensors")).count
      }
      #expect(Double(try size(bf16)) < 0.52 * Double(try size(f32)))
      let error = largestDifference(
        try await TinyModel.load(bf16).wholeLogits(tokens, mix: .base), expected)
      #expect((1e-5..<0.5).contains(error))
      let config = try String(contentsOf: bf16.appending(path: "config.json"), encoding: .utf8)
      #expect(config.contains(#""dtype": "bfloat16""#))
    }
  }

  @Test func whatIsThereStaysUnlessGivenUp() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let folder = place.appending(path: "out")
      let model = FusedModel(base, mix: .base)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try model.write(to: folder)
      #expect(throws: OwnedFolderError.holdsModel(path: folder.path)) { try model.write(to: folder) }
      let mark = folder.appending(path: "mark")
      try Data("x".utf8).write(to: mark)
      #expect(throws: OwnedFolderError.holdsOther(path: folder.path, file: "mark")) {
        try model.write(to: folder, overwriting: true)
      }
      try FileManager.default.removeItem(at: mark)
      try model.write(to: folder, type: .bf16, overwriting: true)
      #expect(try names(place) == ["out"])
      let config = try String(contentsOf: folder.appending(path: "config.json"), encoding: .utf8)
      #expect(config.contains("bfloat16"))
      _ = try await TinyModel.load(folder)
    }
  }

  @Test func onlyAModelIsReplacedAndNeverTheBase() async throws {
    try await TinyModel.withFolder { place in
      let original = place.appending(path: "base")
      try FileManager.default.copyItem(at: TinyModel.folder.appending(path: "model"), to: original)
      let base = try await TinyModel.load(original)
      let model = FusedModel(base, mix: .base)
      for folder in [original, place, original.appending(path: "within")] {
        #expect(throws: ModelFolderError.isBase(path: folder.path)) {
          try model.write(to: folder, overwriting: true)
        }
      }
      let other = place.appending(path: "letters")
      try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
      try Data("dear".utf8).write(to: other.appending(path: "aunt.txt"))
      try Data("{}".utf8).write(to: other.appending(path: "config.json"))
      #expect(throws: OwnedFolderError.holdsOther(path: other.path, file: "aunt.txt")) {
        try model.write(to: other, overwriting: true)
      }
      let file = other.appending(path: "aunt.txt")
      #expect(throws: OwnedFolderError.isFile(path: file.path)) {
        try model.write(to: file, overwriting: true)
      }
      #expect(try names(place) == ["base", "letters"])
    }
  }

  @Test func aStoppedRunLeavesTheOldModelAndNothingElse() async throws {
    let base = try await TinyModel.load()
    try await TinyModel.withFolder { place in
      let folder = place.appending(path: "out")
      try FusedModel(base, mix: .base).write(to: folder)
      let before = try Data(contentsOf: folder.appending(path: "model.safetensors"))
      let task = Task {
        try FusedModel(base, mix: .base).write(to: folder, overwriting: true) { done, _ in
          if done == 3 { withUnsafeCurrentTask { $0?.cancel() } }
        }
      }
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(try names(place) == ["out"])
      #expect(try Data(contentsOf: folder.appending(path: "model.safetensors")) == before)
    }
  }

  @Test func weightsThatOverflowAreRefusedAndNothingIsLeft() async throws {
    let base = try await TinyModel.load()
    let adapter = try noisyAdapter("a", on: base, seed: 1)
    try await TinyModel.withFolder { place in
      #expect(throws: FuseError.self) {
        try FusedModel(base, mix: Mix([(adapter, .greatestFiniteMagnitude)]))
          .write(to: place.appending(path: "out"))
      }
      let left = try names(place)
      #expect(left.isEmpty)
    }
  }
}
