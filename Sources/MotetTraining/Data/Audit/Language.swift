/// What a text is written in, as far as it is told here.
public enum Language: String, Sendable, Codable, CaseIterable {
  case english = "en"
  case german = "de"
  case french = "fr"
  case spanish = "es"
  case portuguese = "pt"
  case italian = "it"
  case dutch = "nl"
  case swedish = "sv"
  case danish = "da"
  case norwegian = "no"
  case finnish = "fi"
  case polish = "pl"
  case czech = "cs"
  case hungarian = "hu"
  case romanian = "ro"
  case turkish = "tr"
  case vietnamese = "vi"
  case indonesian = "id"
  case russian = "ru"
  case ukrainian = "uk"
  case bulgarian = "bg"
  case greek = "el"
  case hebrew = "he"
  case arabic = "ar"
  case persian = "fa"
  case urdu = "ur"
  case hindi = "hi"
  case bengali = "bn"
  case tamil = "ta"
  case thai = "th"
  case korean = "ko"
  case japanese = "ja"
  case chinese = "zh"
  case code
  /// Too short, mixed, numbers alone, or a language that is not told.
  case unknown

  /// In English, with a capital but for `code` and `unknown`.
  public var name: String {
    let name = String(describing: self)
    return self == .code || self == .unknown ? name : name.prefix(1).uppercased() + name.dropFirst()
  }
}
