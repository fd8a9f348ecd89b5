import Foundation
import MotetFormats
import Testing

@testable import MotetHub

struct HubSelectionTests {
  private func listing(_ paths: [String]) throws -> HubListing {
    var listing = HubListing(commit: "c", repository: "o/n")
    for path in paths { try listing.add(HubFile(path: path, size: 1_500_000_000)) }
    return listing
  }

  private func selection(_ paths: [String], gguf: String? = nil) throws -> HubSelection {
    try HubSelection(listing(paths), of: "o/n", gguf: gguf)
  }

  private func names(_ paths: [String], gguf: String? = nil) throws -> [String] {
    try selection(paths, gguf: gguf).files.map(\.path).sorted()
  }

  @Test func takesWhatAModelNeeds() throws {
    let taken = [
      "chat_template.jinja", "config.json", "generation_config.json", "merges.txt", "model.safetensors",
      "tokenizer.json", "tokenizer_config.json", "vocab.json",
    ]
    let left = [
      "README.md", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "onnx/model.onnx",
      "original/consolidated.00.pth", "original/tokenizer.model", "consolidated.safetensors",
      "model.fp16.safetensors", "model-q4.gguf", "training_args.bin", ".gitattributes",
    ]
    #expect(try names(taken + left) == taken)
  }

  @Test func takesWhatTheIndexNamesInPlaceOfOtherCopies() throws {
    let index = "model.safetensors.index.json"
    let paths = ["config.json", index, "model-00001-of-00001.safetensors", "consolidated.safetensors"]
    let selection = try selection(paths)
    #expect(selection.files.map(\.path) == ["config.json", index])
    #expect(selection.index?.path == index)
    let shards = try HubSelection.shards(
      ["model-00001-of-00001.safetensors", "model-00001-of-00001.safetensors"], in: listing(paths), of: "o/n")
    #expect(shards.map(\.path) == ["model-00001-of-00001.safetensors"])
    #expect(throws: HubError.missingShards(repository: "o/n", names: ["../x"])) {
      try HubSelection.shards(["../x"], in: listing(paths), of: "o/n")
    }
  }

  @Test func takesAConsolidatedFileThatIsAlone() throws {
    #expect(
      try names(["config.json", "consolidated.safetensors"]) == ["config.json", "consolidated.safetensors"])
    let parts = ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    #expect(try names(parts + ["consolidated.safetensors", "model.fp16.safetensors"]) == parts)
  }

  @Test func takesAnAdapter() throws {
    let paths = ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "optimizer.pt"]
    let selection = try selection(paths)
    #expect(selection.kind == .adapter)
    #expect(selection.files.map(\.path).sorted() == paths.dropLast())
  }

  @Test func refusesPicklesAndWhatIsNoModel() throws {
    #expect(throws: HubError.onlyPickles(repository: "o/n", file: "pytorch_model.bin")) {
      try selection(["config.json", "pytorch_model.bin"])
    }
    #expect(throws: HubError.onlyPickles(repository: "o/n", file: "adapter_model.bin")) {
      try selection(["adapter_config.json", "adapter_model.bin"])
    }
    #expect(throws: HubError.noWeights(repository: "o/n", found: ["README.md"])) {
      try selection(["README.md"])
    }
    #expect(throws: HubError.noConfiguration(repository: "o/n")) { try selection(["model.safetensors"]) }
  }

  @Test func takesTheOnlyGGUFAndAsksWhichOfSeveral() throws {
    #expect(try names(["README.md", "tiny.gguf", "mmproj-tiny.gguf"]) == ["tiny.gguf"])
    let several = ["tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"]
    let labels = several.map { "\($0) (1.50 GB)" }
    #expect(throws: HubError.severalGGUF(repository: "o/n", names: labels)) { try selection(several) }
    for pattern in ["*Q8_0*", "*q8_0.gguf", "q8_0", "tiny-q?_0.gguf", "tiny-Q8_0.gguf"] {
      #expect(try names(several, gguf: pattern) == ["tiny-Q8_0.gguf"], "\(pattern)")
    }
    #expect(throws: HubError.noGGUF(repository: "o/n", pattern: "*Q5*", names: labels)) {
      try selection(several, gguf: "*Q5*")
    }
    #expect(throws: HubError.ambiguousGGUF(repository: "o/n", pattern: "tiny", names: labels)) {
      try selection(several, gguf: "tiny")
    }
    #expect(throws: HubError.noGGUF(repository: "o/n", pattern: "x", names: [])) {
      try selection(["config.json"], gguf: "x")
    }
  }

  @Test func takesAllPartsOfASplitGGUF() throws {
    let parts = (1...3).map { "Q4_K_M/big-Q4_K_M-0000\($0)-of-00003.gguf" }
    let selection = try selection(parts + ["big-Q8_0.gguf"], gguf: "*q4_k_m*")
    #expect(selection.files.map(\.path) == parts)
    #expect(selection.gguf == parts[0])
    #expect(try GGUFChoice.all(in: listing(parts)).map(\.label) == ["\(parts[0]) (3 parts, 4.50 GB)"])
    #expect(throws: HubError.missingShards(repository: "o/n", names: [parts[1]])) {
      try names([parts[0], parts[2]], gguf: "*q4*")
    }
  }

  @Test(arguments: [
    ("*", "", true), ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXbY", false), ("?", "", false),
    ("??", "ab", true),
    ("*.gguf", "x.GGUF", true), ("part", "a PART of it", true), ("a*", "ba", false), ("**a**", "xay", true),
  ])
  func matchesAsAShellDoes(_ pattern: String, _ text: String, _ isMatch: Bool) {
    #expect(GlobPattern(pattern).matches(text) == isMatch)
  }

  @Test func matchesAHostilePatternInTime() {
    let pattern = GlobPattern(String(repeating: "*a", count: 200) + "*b")
    let clock = ContinuousClock()
    #expect(clock.measure { _ = pattern.matches(String(repeating: "a", count: 1000)) } < .seconds(5))
  }

  @Test(arguments: [
    "../x", "a/../../x", "/etc/passwd", "a\\b", "a\u{0}b", "a//b", "", ".", "a/./b", "a/", "a\nb",
    String(repeating: "a", count: 300), String(repeating: "a/", count: 600) + "b",
  ])
  func refusesPathsThatLeadElsewhere(_ path: String) {
    #expect(throws: HubError.self) { try listing([path]) }
  }

  @Test(arguments: [-1, Int.max])
  func refusesSizesThatNoFileHas(_ size: Int) throws {
    var listing = try listing([])
    #expect(throws: HubError.self) { try listing.add(HubFile(path: "x", size: size)) }
  }
}
