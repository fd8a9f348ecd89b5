// swift-tools-version: 6.1
import PackageDescription

/// `MOTET_ROOMS=MotetTokenizersTests swift test` builds these targets, what they depend on, and nothing else: the tests of
/// a lower room need no server (script/test-levels, CONTRIBUTING). Names stand with commas between them.
let rooms = Context.environment["MOTET_ROOMS"].map { Set($0.split(separator: ",").map(String.init)) }

// The rooms, bottom up: a target imports only targets above it in this list.
let package = Package(
  name: "motet",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Motet", targets: ["Motet"]),
    .executable(name: "motet", targets: ["MotetCLI"]),
  ],
  traits: [
    .trait(name: "OneDNN", description: "Matrix products by oneDNN (libdnnl); off: portable C."),
    .default(enabledTraits: ["OneDNN"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.20.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.3.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ],
  targets: [
    .target(
      name: "CKernels",
      cSettings: [.define("MOTET_ONEDNN", .when(platforms: [.linux], traits: ["OneDNN"]))],
      linkerSettings: [
        .linkedLibrary("m", .when(platforms: [.linux])),
        .linkedLibrary("dnnl", .when(platforms: [.linux], traits: ["OneDNN"])),
        .linkedLibrary("gomp", .when(platforms: [.linux], traits: ["OneDNN"])),
      ]),
    .systemLibrary(name: "CZlib"),
    .target(name: "MotetReport"),
    .target(
      name: "MotetTensor",
      dependencies: ["CKernels", .product(name: "Crypto", package: "swift-crypto")]),
    .target(name: "MotetFormats"),
    .target(name: "MotetTemplates", dependencies: ["MotetFormats"]),
    .target(name: "MotetTokenizers", dependencies: ["MotetTemplates", "MotetFormats"]),
    .target(
      name: "MotetModels",
      dependencies: [
        "CKernels", "MotetTensor", "MotetFormats", "MotetTokenizers",
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .target(
      name: "MotetHub",
      dependencies: [
        "MotetModels", "MotetFormats",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .target(
      name: "MotetAdapters",
      dependencies: [
        "MotetModels", "MotetFormats", "CKernels", .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .target(
      name: "MotetTraining",
      dependencies: [
        "MotetAdapters", "MotetReport", "MotetFormats", "CKernels", "CZlib",
        .product(name: "Crypto", package: "swift-crypto"), .product(name: "Yams", package: "Yams"),
      ]),
    .target(
      name: "MotetRouting", dependencies: ["MotetAdapters", "MotetTraining", "MotetModels", "MotetFormats"]),
    .target(
      name: "MotetServing",
      dependencies: [
        "MotetAdapters", "MotetModels", "MotetTensor", "MotetTokenizers", "MotetFormats", "CKernels",
        .product(name: "Metrics", package: "swift-metrics"),
      ]),
    .target(
      name: "MotetServer",
      dependencies: [
        "MotetServing", "MotetRouting", "MotetAdapters", "MotetTokenizers", "MotetFormats",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"), .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .target(
      name: "Motet", dependencies: ["MotetRouting", "MotetTraining", "MotetAdapters", "MotetModels"]
    ),
    .target(name: "MotetDemo", dependencies: ["Motet", "MotetFormats", "MotetReport"]),
    .executableTarget(
      name: "MotetCLI",
      dependencies: [
        "Motet", "MotetDemo", "MotetFormats", "MotetHub", "MotetReport", "MotetServer", "MotetServing",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .testTarget(name: "MotetReportTests", dependencies: ["MotetReport"]),
    .testTarget(
      name: "MotetTensorTests", dependencies: ["MotetTensor", "CKernels", "MotetFormats"]),
    .testTarget(
      name: "MotetFormatsTests", dependencies: ["MotetFormats", "MotetTensor", "MotetModels"]),
    .testTarget(name: "MotetTemplatesTests", dependencies: ["MotetTemplates", "MotetFormats"]),
    .testTarget(name: "MotetTokenizersTests", dependencies: ["MotetTokenizers", "MotetFormats"]),
    .testTarget(
      name: "MotetModelsTests",
      dependencies: ["MotetModels", .product(name: "Crypto", package: "swift-crypto")]),
    .testTarget(
      name: "MotetHubTests",
      dependencies: [
        "MotetHub", "MotetModels", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .testTarget(name: "MotetAdaptersTests", dependencies: ["MotetAdapters"]),
    .testTarget(name: "MotetTrainingTests", dependencies: ["MotetTraining", "CKernels"]),
    .testTarget(name: "MotetRoutingTests", dependencies: ["MotetRouting", "MotetModels"]),
    .testTarget(
      name: "MotetServingTests",
      dependencies: ["MotetServing", .product(name: "MetricsTestKit", package: "swift-metrics")]),
    .testTarget(name: "MotetDemoTests", dependencies: ["MotetDemo"]),
    .testTarget(
      name: "MotetCLITests",
      dependencies: ["MotetCLI", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .testTarget(
      name: "MotetServerTests",
      dependencies: [
        "MotetServer", .product(name: "HummingbirdTesting", package: "hummingbird"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
      ]),
  ],
  swiftLanguageModes: [.v6]
)

if let rooms {
  var (kept, packages): (Set<String>, Set<String>) = ([], [])
  func keep(_ name: String) {
    guard let target = package.targets.first(where: { $0.name == name }), kept.insert(name).inserted else {
      return
    }
    for dependency in target.dependencies {
      switch dependency {
      case .byNameItem(let name, _), .targetItem(let name, _): keep(name)
      case .productItem(_, let package, _, _): packages.insert(package ?? "")
      @unknown default: break
      }
    }
  }
  rooms.forEach(keep)
  package.targets.removeAll { !kept.contains($0.name) }
  package.products = []
  package.dependencies.removeAll { dependency in
    guard case .sourceControl(_, let location, _) = dependency.kind else { return false }
    return !packages.contains(String(location.split(separator: "/").last ?? ""))
  }
}
