/// The version that wrote a file.
public let motetVersion = "0.1.0"
