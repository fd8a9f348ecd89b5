import Foundation
import MotetFormats
import MotetTensor
import Testing

@testable import MotetModels

/// Models that are not what they say, or that nobody computes yet: one line each, which names what it is about.
@Suite struct FamilyRefusalTests {
  /// The line that opening and loading a changed copy of a fixture ends with.
  private func refusal(
    of name: String, file: String = "#model", _ change: (URL) throws -> Void
  ) async throws -> String {
    let copy = FileManager.default.temporaryDirectory.appending(path: "motet-refusal-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: copy) }
    try FileManager.default.copyItem(at: FamilyFixture.root.appending(path: name), to: copy)
    let place = copy.appending(path: file == "#model" ? "model" : file)
    try change(place)
    do {
      let found = try ModelStore().find(place.path).source(ModelReading())
      _ = try await FamilyFixture.load(found)
    } catch {
      let line = "\(error)"
      #expect(!line.contains("\n"))
      return line
    }
    Issue.record("\(name) was loaded")
    return ""
  }

  /// Sets members of config.json.
  private func change(_ folder: URL, _ json: String) throws {
    let file = folder.appending(path: "config.json")
    func members(_ data: Data) throws -> [String: Any] {
      try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
    let changed = try members(Data(contentsOf: file)).merging(members(Data(json.utf8))) { $1 }
    try JSONSerialization.data(withJSONObject: changed).write(to: file)
  }

  @Test(arguments: [
    ("llama-plain", #"{"rope_parameters": {"rope_type": "fancy", "rope_theta": 10000}}"#, "fancy"),
    ("llama-plain", #"{"hidden_act": "mish"}"#, "mish"),
    ("gemma2-plain", #"{"hidden_activation": "softplus"}"#, "softplus"),
    ("qwen3-plain", #"{"num_key_value_heads": 3}"#, "3 key/value heads"),
    ("phi3-plain", #"{"num_attention_heads": 0}"#, "0 heads"),
    ("granite-plain", #"{"rms_norm_eps": "small"}"#, "rms_norm_eps"),
    ("gpt2-plain", #"{"n_head": 5}"#, "5 heads"),
  ]) func aConfigurationThatCannotBeIsNamed(name: String, changes: String, word: String) async throws {
    let line = try await refusal(of: name) { try change($0, changes) }
    #expect(line.contains(word) && line.contains("config.json"), "\(line)")
  }

  /// What config.json says and the tensors do not.
  @Test(arguments: [
    ("llama-plain", "intermediate_size", 40), ("qwen2-plain", "hidden_size", 32),
    ("olmo2-plain", "vocab_size", 60),
    ("gemma3-plain", "head_dim", 16), ("gpt2-plain", "n_positions", 63),
    ("smollm3-plain", "intermediate_size", 40),
  ]) func aConfigurationThatContradictsTheTensorsIsRefused(name: String, member: String, value: Int)
    async throws
  {
    let line = try await refusal(of: name) { try change($0, "{\"\(member)\": \(value)}") }
    #expect(line.contains("tensor"), "\(line)")
    #expect(line.contains("but the configuration asks for") || line.contains("lacks the tensor"), "\(line)")
  }

  @Test func anUnknownFamilySaysWhatIsKnownAndWhatItLooksLike() async throws {
    let line = try await refusal(of: "qwen3-plain") { try change($0, #"{"model_type": "qwen9"}"#) }
    for word in ["qwen9", "llama", "gemma3", "--architecture qwen3"] {
      #expect(line.contains(word), "\(word): \(line)")
    }
    let strange = try await refusal(of: "gpt2-plain") { folder in
      try change(folder, #"{"model_type": "mamba"}"#)
      try rename("transformer.h", to: "backbone.x", in: folder.appending(path: "model.safetensors"))
    }
    #expect(strange.contains("mamba") && !strange.contains("--architecture"), "\(strange)")
  }

  /// Words of a file, by others of the same length.
  private func rename(_ word: String, to other: String, in file: URL) throws {
    var bytes = try Data(contentsOf: file)
    while let range = bytes.firstRange(of: Data(word.utf8)) {
      bytes.replaceSubrange(range, with: Data(other.utf8))
    }
    try bytes.write(to: file)
  }

  private static let pointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:\(String(repeating: "0", count: 64))\nsize 5\n"

  @Test(arguments: [
    (pointer, "Git LFS pointer"), ("<!DOCTYPE html><html><body>log in</body></html>", "web page"),
  ]) func whatStandsInPlaceOfWeightsIsNamed(content: String, word: String) async throws {
    for (file, name) in [("#model", "model.safetensors"), ("model.gguf", "")] {
      let line = try await refusal(of: "qwen2-plain", file: file) { place in
        try Data(content.utf8).write(to: name.isEmpty ? place : place.appending(path: name))
      }
      #expect(line.contains(word), "\(file): \(line)")
    }
  }

  @Test func aPickleInPlaceOfWeightsIsNamed() async throws {
    let line = try await refusal(of: "qwen2-plain") { folder in
      let weights = folder.appending(path: "model.safetensors")
      try FileManager.default.moveItem(at: weights, to: folder.appending(path: "pytorch_model.bin"))
    }
    #expect(line.contains("pytorch_model.bin") && line.contains("safetensors"), "\(line)")
  }

  /// Of another version, and written on a machine of the other byte order.
  @Test(arguments: [(UInt32(4).littleEndian, "version 4"), (UInt32(3).bigEndian, "big-endian")])
  func aGGUFOfAnotherKindIsNamed(version: UInt32, word: String) async throws {
    let line = try await refusal(of: "llama-plain", file: "model.gguf") { file in
      var bytes = try Data(contentsOf: file)
      withUnsafeBytes(of: version) { bytes.replaceSubrange(4..<8, with: $0) }
      try bytes.write(to: file)
    }
    #expect(line.contains(word), "\(line)")
  }

  @Test func aGGUFOfAnUnknownFamilyIsNamed() async throws {
    let line = try await refusal(of: "qwen2-plain", file: "model.gguf") { file in
      try rename("qwen2", to: "rwkv9", in: file)
    }
    #expect(line.contains("rwkv9") && line.contains("llama"), "\(line)")
  }
}
