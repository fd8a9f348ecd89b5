import Foundation
import HTTPTypes
import Logging
import MotetAdapters
import MotetFormats
import MotetModels
import MotetServing
import Testing

@testable import MotetServer

/// Two tenants on one real engine: whatever one asks for and by whatever way, the other's adapters are not there.
///
/// Each request goes to two servers, one with the other tenant's adapters and one without. Their answers have to be equal
/// byte for byte: then nothing in them tells which the server is.
@Suite struct TenantTests {
  private static let acme = "key-acme"
  private static let root = "key-root"

  /// A server of adapters in folders and in a library.
  private struct Place {
    let server: AnswerServer
    let folder: URL
    let library: URL

    func send(
      _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, key: String = TenantTests.acme
    ) async throws -> Harness.Reply {
      try await server.send(method, path, bytes: body.map { Array($0.utf8) }, key: key)
    }
  }

  private static func loadBase() async throws -> BaseModel {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../Fixtures/tiny/model")
    return try await BaseModel.load(
      try HuggingFaceFolder(folder.standardizedFileURL), name: "tiny", precision: .f32)
  }

  /// Of acme: `acme-zoo` and `acme-lib`, adapters that stand on the other's, and links to the other's. Of rival, if it is
  /// there: `rival-zoo` with `acme-inner` in it, and `rival-lib`.
  private static func place(
    _ base: BaseModel, in home: URL, withRival: Bool
  ) async throws -> Place {
    let place = home.appending(path: withRival ? "with" : "without")
    let (folder, library) = (place.appending(path: "served"), place.appending(path: "library"))
    let manager = FileManager.default
    for made in [folder, library] { try manager.createDirectory(at: made, withIntermediateDirectories: true) }
    func write(_ place: URL, seed: UInt64, on parent: String? = nil) throws {
      let weights = try LoRA(rank: 2).initialWeights(for: base, seed: seed)
      let record = AdapterRecord(
        motet: "test", created: Date(timeIntervalSince1970: 1_700_000_000),
        standsOn: parent.map { AdapterRecord.Parent(name: $0) })
      try weights.write(to: place, record: record)
    }
    let store = AdapterLibrary(root: library)
    try write(folder.appending(path: "acme-zoo"), seed: 1)
    try store.add("acme-lib") { try write($0, seed: 2) }
    let rival = folder.appending(path: "rival-zoo")
    if withRival {
      try write(rival, seed: 3)
      try write(rival.appending(path: "acme-inner"), seed: 4)
      try store.add("rival-lib") { try write($0, seed: 5) }
    }
    for (seed, (name, parent)) in [
      ("acme-child", rival.path), ("acme-child-relative", "served/rival-zoo"),
      ("acme-child-library", "rival-lib"),
      ("acme-child-version", "rival-lib@1"),
    ].enumerated() {
      try write(folder.appending(path: name), seed: UInt64(10 + seed), on: parent)
    }
    // Two steps away.
    try write(
      folder.appending(path: "acme-grandchild"), seed: 20, on: folder.appending(path: "acme-child").path)
    try store.add("acme-lib-child") { try write($0, seed: 21, on: "rival-lib") }
    try manager.createSymbolicLink(
      atPath: folder.path + "/acme-link", withDestinationPath: withRival ? rival.path : "nothing")
    // Its own configuration, the other's weights.
    let mixed = folder.appending(path: "acme-mixed")
    try manager.createDirectory(at: mixed, withIntermediateDirectories: true)
    try manager.copyItem(
      at: folder.appending(path: "acme-zoo/adapter_config.json"),
      to: mixed.appending(path: "adapter_config.json"))
    try manager.createSymbolicLink(
      atPath: mixed.path + "/adapter_model.safetensors",
      withDestinationPath: "../rival-zoo/adapter_model.safetensors")
    let engine = await ServingEngine(base, library: store, folders: [folder])
    var options = ServerOptions()
    options.keys = try KeyRing([
      APIKey(name: "acme", hash: APIKey.hash(acme), adapters: ["acme*"], isAdmin: true),
      APIKey(name: "root", hash: APIKey.hash(root), isAdmin: true),
    ])
    let server = try AnswerServer(
      engine, options: options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    return Place(server: server, folder: folder, library: library)
  }

  /// Has a folder's adapter stand on another.
  private static func rest(_ folder: URL, on parent: String) throws {
    let record = AdapterRecord(motet: "test", standsOn: AdapterRecord.Parent(name: parent))
    try record.encoded().write(to: folder.appending(path: AdapterRecord.fileName))
  }

  private static func withPlaces(_ body: (_ with: Place, _ without: Place) async throws -> Void) async throws
  {
    let home = FileManager.default.temporaryDirectory.appending(path: "motet-tenants-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    let base = try await loadBase()
    try await body(
      place(base, in: home, withRival: true), place(base, in: home, withRival: false))
  }

  /// What acme may write for an adapter that is not its own, or that holds what is not.
  private static func names(_ place: Place) -> [String] {
    [
      "rival-zoo", "rival-lib", "rival-lib@1", "rival-lib@2", "acme-zoo=0.5+rival-zoo=0.5",
      "acme-lib+rival-lib@1",
      "../rival-zoo", "./rival-zoo", "acme-zoo/../rival-zoo", "rival-zoo/acme-inner",
      place.folder.path + "/rival-zoo",
      place.library.path + "/rival-lib/1", "acme-child", "acme-child-relative", "acme-child-library",
      "acme-child-version",
      "acme-grandchild", "acme-lib-child", "acme-lib-child@1", "acme-link", "acme-mixed",
      "acme-zoo+acme-child",
      "acme-inner",
    ]
  }

  /// The ways in which a request names an adapter.
  private static func requests(_ name: String) -> [(HTTPRequest.Method, String, String?)] {
    let text = JSONValue.string(name).text()
    var requests: [(HTTPRequest.Method, String, String?)] = []
    for (path, prompt) in [
      ("/v1/chat/completions", #""messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2"#),
      ("/v1/completions", #""prompt": "Hi", "max_tokens": 2"#),
      ("/completion", #""prompt": "Hi", "n_predict": 2"#), ("/v1/embeddings", #""input": "Hi""#),
    ] {
      for way in [
        #""model": \#(text)"#, #""adapter_id": \#(text)"#, #""merged_adapters": {"ids": [\#(text)]}"#,
        #""merged_adapters": {"ids": ["acme-zoo", \#(text)], "weights": [0.5, 0.5]}"#,
      ] { requests.append((.post, path, "{\(prompt), \(way)}")) }
      requests.append((.post, path, #"{\#(prompt), "stream": true, "model": \#(text)}"#))
    }
    for path in ["/generate", "/generate_stream"] {
      requests.append(
        (
          .post, path,
          #"{"inputs": "Hi", "parameters": {"max_new_tokens": 2, "adapter_id": \#(text), "adapter_source": "local"}}"#
        ))
      requests.append(
        (.post, path, #"{"inputs": "Hi", "parameters": {"merged_adapters": {"ids": [\#(text)]}}}"#))
    }
    requests.append((.post, "/feedback", #"{"score": 1, "model": \#(text)}"#))
    requests.append((.post, "/v1/unload_lora_adapter", #"{"lora_name": \#(text)}"#))
    let escaped = name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? name
    requests += [
      (.get, "/v1/models/\(escaped)", nil), (.delete, "/adapters/\(escaped)", nil),
      (.put, "/adapters/\(escaped)/pin", nil), (.delete, "/adapters/\(escaped)/pin", nil),
    ]
    return requests
  }

  /// Paths of folders that are not its own, or that hold what is not.
  private static func paths(_ place: Place) -> [String] {
    [
      "rival-zoo", "./rival-zoo", "../served/rival-zoo", "acme-zoo/../rival-zoo", "rival-zoo/acme-inner",
      "rival-lib/1",
      place.folder.path + "/rival-zoo", place.folder.path + "//rival-zoo/",
      place.folder.path + "/rival-zoo/acme-inner",
      place.library.path + "/rival-lib/1", place.library.path + "/rival-lib/2", "acme-child",
      "acme-child-relative",
      "acme-child-library",
      "acme-child-version", "acme-grandchild", place.library.path + "/acme-lib-child/1", "acme-link",
      "acme-mixed", ".",
      "..", "/",
      "/etc", place.folder.path, place.library.path, "acme-none", place.folder.path + "/acme-none",
      place.folder.deletingLastPathComponent().path,
    ]
  }

  @Test func anothersAdapterIsNotThereByAnyWay() async throws {
    try await Self.withPlaces { with, without in
      for (name, twin) in zip(Self.names(with), Self.names(without)) {
        for (asked, same) in zip(Self.requests(name), Self.requests(twin)) {
          let found = try await with.send(asked.0, asked.1, asked.2)
          let expected = try await without.send(same.0, same.1, same.2)
          let what = "\(asked.0) \(asked.1) \(asked.2 ?? "")"
          #expect(found.status == 404, "\(what): \(found.text)")
          #expect(expected.status == 404, "\(what): \(expected.text)")
          // A path of its own writing may come back to it.
          let text = found.text.replacing("/with/", with: "/without/")
            .replacing(#"\/with\/"#, with: #"\/without\/"#)
          #expect(text == expected.text, "\(what)")
        }
      }
    }
  }

  @Test func aFolderThatIsNotOnesOwnIsNotThereToLoad() async throws {
    try await Self.withPlaces { with, without in
      var bodies: Set<String> = []
      for (path, twin) in zip(Self.paths(with), Self.paths(without)) {
        for (route, name, field) in [
          ("/v1/load_lora_adapter", "lora_name", "lora_path"), ("/adapters", "name", "path"),
        ] {
          func body(_ path: String) -> String { #"{"\#(name)": "acme-steal", "\#(field)": "\#(path)"}"# }
          let found = try await with.send(.post, route, body(path))
          let expected = try await without.send(.post, route, body(twin))
          #expect(found.status == 404, "\(route) \(path): \(found.text)")
          #expect(found.text == expected.text, "\(route) \(path)")
          bodies.insert(found.text)
        }
      }
      #expect(bodies.count == 1, "\(bodies)")
      #expect(try await with.send(.get, "/v1/models/acme-steal").status == 404)
    }
  }

  @Test func listsAreTheSameWithAndWithoutTheOther() async throws {
    try await Self.withPlaces { with, without in
      for path in ["/v1/models", "/adapters", "/lora-adapters"] {
        let found = try await with.send(.get, path)
        let expected = try await without.send(.get, path)
        let clock = try Regex(#""created":\d+"#)
        #expect(found.status == 200)
        #expect(found.text.replacing(clock, with: "") == expected.text.replacing(clock, with: ""))
        #expect(found.text.contains("acme-zoo") && found.text.contains("acme-lib"))
        #expect(!found.text.contains("rival") && !found.text.contains("acme-child"), "\(found.text)")
      }
      // By number: what lies beyond one's own list is not there.
      let own = try await with.send(.get, "/lora-adapters")
      guard case .array(let list) = own.json else { return }
      let body = #"{"prompt": "Hi", "n_predict": 2, "lora": [{"id": \#(list.count), "scale": 1}]}"#
      let beyond = try await with.send(.post, "/completion", body)
      #expect(beyond.status == 404)
      #expect(try await without.send(.post, "/completion", body).text == beyond.text)
      // What the other used is counted in none of one's own metrics.
      _ = try await with.send(
        .post, "/v1/completions", #"{"prompt": "Hi", "max_tokens": 2, "model": "rival-zoo"}"#, key: Self.root)
      let metrics = try await with.send(.get, "/metrics").text
      #expect(!metrics.contains("rival") && !metrics.contains("motet_adapters "), "\(metrics)")
      #expect(try await with.send(.get, "/metrics", key: Self.root).text.contains("rival-zoo"))
    }
  }

  @Test func onesOwnAdaptersAnswerAndWhatIsGivenToo() async throws {
    try await Self.withPlaces { with, _ in
      func answers(_ model: String, key: String = Self.acme) async throws -> Int {
        let body = #"{"prompt": "Hi", "max_tokens": 2, "model": "\#(model)"}"#
        return try await with.send(.post, "/v1/completions", body, key: key).status
      }
      func load(_ name: String, _ path: String, key: String = Self.acme) async throws -> Harness.Reply {
        try await with.send(
          .post, "/v1/load_lora_adapter", #"{"lora_name": "\#(name)", "lora_path": "\#(path)"}"#, key: key)
      }
      for model in ["acme-zoo", "acme-lib", "acme-lib@1", "acme-zoo=0.5+acme-lib=0.5"] {
        #expect(try await answers(model) == 200, "\(model)")
      }
      for path in [
        "acme-zoo", "./acme-zoo", with.folder.path + "/acme-zoo", with.library.path + "/acme-lib/1",
      ] {
        #expect(try await load("acme-own", path).status == 200, "\(path)")
        #expect(try await answers("acme-own") == 200)
      }
      // Whoever may use everything does, and may give it away by a name of acme's.
      for model in [
        "rival-zoo", "acme-child", "acme-child-library", "acme-grandchild", "acme-link", "acme-mixed",
      ] {
        #expect(try await answers(model, key: Self.root) == 200, "\(model)")
        #expect(try await answers(model) == 404, "\(model), in memory by now")
      }
      #expect(try await load("acme-gift", "rival-zoo", key: Self.root).status == 200)
      #expect(try await answers("acme-gift") == 200)
      #expect(try await load("acme-gift", "rival-zoo").status == 404)
      #expect(try await answers("acme-gift") == 200)
      let list = try await with.send(.get, "/adapters", key: Self.root).text
      #expect(list.contains("acme-child") && !list.contains(with.folder.path), "\(list)")
    }
  }

  /// An adapter that was fine when it was loaded, and was made to stand on another's after.
  @Test func aFolderThatChangesAfterItWasLoadedIsLookedAtAgain() async throws {
    try await Self.withPlaces { with, _ in
      let body = #"{"prompt": "Hi", "max_tokens": 2, "model": "acme-zoo"}"#
      #expect(try await with.send(.post, "/v1/completions", body).status == 200)
      try Self.rest(with.folder.appending(path: "acme-zoo"), on: "rival-lib")
      #expect(try await with.send(.post, "/v1/completions", body).status == 404)
      #expect(try await with.send(.post, "/v1/completions", body, key: Self.root).status == 200)
    }
  }

  /// For a person who may load anything, too, nothing tells where files lie.
  @Test func noAnswerHoldsAPath() async throws {
    try await Self.withPlaces { with, _ in
      let broken = with.folder.appending(path: "broken")
      let manager = FileManager.default
      try manager.copyItem(at: with.folder.appending(path: "acme-zoo"), to: broken)
      try Data("{".utf8).write(to: broken.appending(path: "adapter_config.json"))
      let cut = with.folder.appending(path: "cut")
      try manager.copyItem(at: with.folder.appending(path: "acme-zoo"), to: cut)
      try Data(repeating: 0x7F, count: 100).write(to: cut.appending(path: "adapter_model.safetensors"))
      let orphan = with.folder.appending(path: "orphan")
      try manager.copyItem(at: with.folder.appending(path: "acme-zoo"), to: orphan)
      try Self.rest(orphan, on: with.folder.path + "/nobody")
      let lost = with.folder.appending(path: "lost")
      try manager.copyItem(at: with.folder.appending(path: "acme-zoo"), to: lost)
      try Self.rest(lost, on: "nobody")
      for path in ["broken", "cut", "orphan", "lost", "nowhere", "../x", "/etc"] {
        let loaded = try await with.send(
          .post, "/v1/load_lora_adapter", #"{"lora_name": "new", "lora_path": "\#(path)"}"#, key: Self.root)
        #expect([403, 404, 422].contains(loaded.status), "\(path): \(loaded.text)")
        let asked = try await with.send(
          .post, "/v1/completions", #"{"prompt": "Hi", "model": "\#(path)"}"#, key: Self.root)
        #expect([404, 422].contains(asked.status), "\(path): \(asked.text)")
        for text in [loaded.text, asked.text] {
          for secret in [with.folder.path, "served", "library/", "motet-tenants", "private/"] {
            #expect(!text.replacing(#"\/"#, with: "/").contains(secret), "\(text)")
          }
        }
      }
      for path in ["/adapters", "/v1/models", "/lora-adapters", "/metrics"] {
        let text = try await with.send(.get, path, key: Self.root).text.replacing(#"\/"#, with: "/")
        #expect(!text.contains("motet-tenants"), "\(text)")
      }
    }
  }
}
