/// The metadata of a GGUF file, taken out by key and type with an error that names both.
package struct GGUFKeys {
  package let file: GGUFFile
  /// `llama` of `llama.block_count`.
  package let architecture: String

  /// Throws ``FormatError`` for a file without `general.architecture`.
  package init(_ file: GGUFFile) throws {
    self.file = file
    guard let name = file.metadata["general.architecture"]?.string else {
      throw Self.malformed(file, "general.architecture", "it is missing or is not a string")
    }
    architecture = name
  }

  /// `llama.block_count` of `block_count`.
  package func own(_ name: String) -> String { architecture + "." + name }

  package func malformed(_ key: String, _ problem: String) -> FormatError {
    Self.malformed(file, key, problem)
  }

  private static func malformed(_ file: GGUFFile, _ key: String, _ problem: String) -> FormatError {
    .malformed(
      file: file.path, place: quoted(key), problem: problem,
      mend: "convert the model again with a current llama.cpp")
  }

  package func unsupported(_ key: String, _ feature: String, mend: String) -> FormatError {
    .unsupported(file: file.path, place: quoted(key), feature: feature, mend: mend)
  }

  package func value(_ key: String) -> GGUFValue? { file.metadata[key] }

  package func string(_ key: String) throws -> String {
    guard let value = file.metadata[key]?.string else {
      throw malformed(key, "it is missing or is not a string")
    }
    return value
  }

  /// An integer, or a list that gives every layer the same one.
  package func int(_ key: String) throws -> Int {
    guard let value = file.metadata[key] else { throw malformed(key, "it is missing") }
    if let number = value.int { return number }
    guard let numbers = value.ints, let first = numbers.first else {
      throw malformed(key, "it is not an integer")
    }
    guard numbers.allSatisfy({ $0 == first }) else {
      throw unsupported(
        key, "a size that differs from layer to layer", mend: "use a model whose layers are alike")
    }
    return first
  }

  package func int(_ key: String, or fallback: Int) throws -> Int {
    file.metadata[key] == nil ? fallback : try int(key)
  }

  package func optionalInt(_ key: String) throws -> Int? { file.metadata[key] == nil ? nil : try int(key) }

  package func double(_ key: String) throws -> Double {
    guard let value = file.metadata[key]?.double else {
      throw malformed(key, "it is missing or is not a number")
    }
    return value
  }

  package func double(_ key: String, or fallback: Double) throws -> Double {
    file.metadata[key] == nil ? fallback : try double(key)
  }

  package func optionalDouble(_ key: String) throws -> Double? {
    file.metadata[key] == nil ? nil : try double(key)
  }
}
