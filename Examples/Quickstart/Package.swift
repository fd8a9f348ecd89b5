// swift-tools-version: 6.1
import PackageDescription

// The README's example as a package that depends on Motet, as yours would.
let package = Package(
  name: "Quickstart",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "motet", path: "../..")],
  targets: [
    .executableTarget(name: "Quickstart", dependencies: [.product(name: "Motet", package: "motet")])
  ],
  swiftLanguageModes: [.v6]
)
