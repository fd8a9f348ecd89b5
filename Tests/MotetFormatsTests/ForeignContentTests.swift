import Foundation
import Testing

@testable import MotetFormats

/// What downloads and clones leave in place of weights and configurations.
@Suite struct ForeignContentTests {
  private let pointer = Data(
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
      .utf8)

  @Test func aGitLFSPointerIsNamed() throws {
    try withFile(pointer) { url in
      for message in [
        refusal { _ = try SafetensorsFile(contentsOf: url) }, refusal { _ = try GGUFFile(contentsOf: url) },
        refusal { _ = try JSONValue.object(contentsOf: url) },
      ] { #expect(message.contains("git lfs pull"), "\(message)") }
    }
  }

  @Test(arguments: ["<!DOCTYPE html><html>", "\n  <html lang=\"en\">", "<?xml version=\"1.0\"?><Error>"])
  func aWebPageIsNamed(page: String) throws {
    try withFile(Data(page.utf8)) { url in
      for message in [
        refusal { _ = try SafetensorsFile(contentsOf: url) }, refusal { _ = try GGUFFile(contentsOf: url) },
        refusal { _ = try JSONValue.object(contentsOf: url) },
      ] { #expect(message.contains("a web page"), "\(message)") }
    }
  }

  @Test func aFileThatEndsTooEarlyIsSaidToHaveBeenCutOff() throws {
    let whole = try Data(contentsOf: Fixtures.url("adapter/adapter_model.safetensors"))
    try withFile(whole.dropLast(100)) { url in
      #expect(refusal { _ = try SafetensorsFile(contentsOf: url) }.contains("broken download"))
    }
    let model = try Data(contentsOf: Fixtures.url("quants.gguf"))
    try withFile(model.dropLast(100)) { url in
      #expect(refusal { _ = try GGUFFile(contentsOf: url) }.contains("broken download"))
    }
  }

  @Test func missingShardsAreNamedAllAtOnce() throws {
    try withTemporaryFolder { folder in
      for file in try FileManager.default.contentsOfDirectory(atPath: Fixtures.url("sharded").path) {
        try FileManager.default.copyItem(
          at: Fixtures.url("sharded/\(file)"), to: folder.appendingPathComponent(file))
      }
      let shards = FolderContents.names(in: folder).filter { $0.hasSuffix(".safetensors") }
      #expect(shards.count > 1)
      for shard in shards { try FileManager.default.removeItem(at: folder.appendingPathComponent(shard)) }
      try Data().write(to: folder.appendingPathComponent(shards[0] + ".incomplete"))
      let message = refusal { _ = try ShardedSafetensors(folder: folder) }
      for shard in shards { #expect(message.contains(shard), "\(message)") }
      #expect(message.contains("has not ended"))
    }
  }
}
