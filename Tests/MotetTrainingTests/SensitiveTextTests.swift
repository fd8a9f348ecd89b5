import Foundation
import Testing

@testable import MotetTraining

/// The secrets are made of their parts here, so that no scanner of repositories takes them for real ones.
@Suite struct SensitiveTextTests {
  private func kinds(_ text: String) -> [SensitiveKind] {
    var text = text
    var found: [SensitiveKind] = []
    text.withUTF8 { SensitiveText(bytes: $0).scan { found.append($0) } }
    return found
  }

  private static let letters = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0"
  private static func random(_ count: Int) -> String { String(letters.prefix(count)) }

  @Test(arguments: [
    ("AKIA" + "IOSFODNN7EXAMPLE", SensitiveKind.awsAccessKey), ("ghp_" + random(36), .githubToken),
    ("github" + "_pat_" + random(22) + "_" + random(40), .githubToken), ("glpat-" + random(20), .gitlabToken),
    ("xoxb-" + "123456789012-" + random(24), .slackToken), ("AIza" + random(35), .googleKey),
    ("sk-proj-" + random(40), .openAIKey), ("sk_" + "live_" + random(24), .stripeKey),
    ("hf_" + String(repeating: "aBcD", count: 9), .huggingFaceToken), ("npm_" + random(36), .npmToken),
    ("pypi-" + random(60), .pypiToken), ("-----BEGIN RSA PRIVATE" + " KEY-----", .privateKey),
    ("-----BEGIN PRIVATE" + " KEY-----", .privateKey),
    ("-----BEGIN PGP PRIVATE" + " KEY BLOCK-----", .privateKey),
    ("eyJ" + random(20) + ".eyJ" + random(30) + "." + random(40), .jsonWebToken),
    ("password = \"hunter2x\"", .assignedSecret), ("API_KEY: 9f8e7d6c5b4a3210", .assignedSecret),
    ("\"db_password\":\"s3cr3t!pass\"", .assignedSecret), ("token=abc123def456", .assignedSecret),
    ("anna.k@mail.uni-bonn.de", .emailAddress), ("x+y@host.co", .emailAddress),
    ("+49 30 1234567", .phoneNumber), ("+14155552671", .phoneNumber), ("(212) 555-0123", .phoneNumber),
    ("212-555-0123", .phoneNumber), ("1-800-555-0199", .phoneNumber), ("06 12 34 56 78", .phoneNumber),
    ("0171-1234567", .phoneNumber), ("+44 (20) 7946 0958", .phoneNumber),
    ("4111 1111 1111 1111", .cardNumber), ("5500-0000-0000-0004", .cardNumber),
    ("340000000000009", .cardNumber),
    ("3782 822463 10005", .cardNumber), ("DE89 3704 0044 0532 0130 00", .iban),
    ("GB82WEST12345698765432", .iban),
    ("NO93 8601 1117 947", .iban), ("078-05-1120", .socialSecurityNumber),
  ])
  func knownFormsAreSeenOnce(text: String, kind: SensitiveKind) {
    for around in [text, "see \(text), please", "\n(\(text))", "é: \(text).\nnext", "<\(text)>"] {
      #expect(kinds(around) == [kind], "\(around)")
    }
  }

  @Test(arguments: [
    "AKIA and ghp_ are how they begin", "AKIA" + "IOSFODNN7EXAMPLEX", "ghp_" + random(20),
    "sk-learn-is-a-package-for-python",
    "eyJust a word. eyJ.eyJ.x", "-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----",
    "the password is required", "password: required", "password = get_password(1)", "token == 'abc123def456'",
    "token: <your-token-1>", "tokens: 1234567890", "secret = os.environ['SECRET_1']", "max_tokens=2048",
    "you@example.com and root@sub.example.org", "@app.route", "a@b", "@", "user@", "@name hello", "3@4.5",
    "4111 1111 1111 1112", "1234567890123456", "0000 0000 0000 0000", "1111111111111111111111",
    "DE89 3704 0144 0532 0130 00", "XX89 3704 0044 0532 0130 00", "000-12-3456", "666-12-3456", "912-12-3456",
    "123-00-4567", "2024-01-31", "31-01-2024 10:15", "192.168.100.200", "1,234,567.89", "3.14159265358979",
    "2+3=5 and 12-4-8", "1 2 3 4 5 6 7 8 9 10 11 12", "112-055-0123", "v1.2.3-4567", "+1", "x = 48/2 = 24",
    "978-3-16-148410-0", "$100 200-3000", "555 1234", "0.5 0.25 0.125", "00 11 22 33 44", "",
  ])
  func ordinaryTextIsNot(text: String) { #expect(kinds(text) == [], "\(text)") }

  @Test func severalAreCountedApart() {
    #expect(
      kinds("a@b.de, c@d.fr; 212-555-0123 or 4111 1111 1111 1111 12/26")
        == [.emailAddress, .emailAddress, .phoneNumber, .cardNumber])
  }

  @Test func checksumsAreThoseOfTheStandards() {
    #expect(passesLuhn([7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3]) && !passesLuhn([7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 0]))
    #expect(ibanRemainder(Array("GB82WEST12345698765432".utf8)) == 1)
    #expect(ibanRemainder(Array("GB82WEST12345698765423".utf8)) != 1)
  }

  /// Text made to be read again from each of its words must not take the square of its length.
  @Test(arguments: [
    "eyJ-", "a@", "1 ", "DE89 ", "-----BEGIN A", "token=", "+1-", "eyJaaaaaaa.", "password:", "((((1",
    "xoxb-1 ",
  ])
  func hostileTextTakesLinearTime(piece: String) {
    let text = String(repeating: piece, count: 2_000_000 / piece.utf8.count)
    let began = ContinuousClock.now
    _ = kinds(text)
    #expect(ContinuousClock.now - began < .seconds(4))
  }
}
