import Foundation
import MotetFormats

/// Why a model did not arrive from the hub.
///
/// Every `description` is one line that says what to do. It holds no token, and of an address only host and path.
public enum HubError: Error, Equatable, CustomStringConvertible {
  // What was asked.
  case badEndpoint(String)
  case badToken(source: String)
  case badProxy(String)
  case offline(repository: String)

  // What the hub answers.
  case unauthorized(repository: String, hasToken: Bool)
  case gated(repository: String, page: String, hasToken: Bool)
  case forbidden(repository: String, reason: String)
  case noRepository(String, hasToken: Bool)
  case noRevision(String, repository: String)
  case noEntry(String, repository: String)
  case tooManyRequests(seconds: Int?)
  case status(Int, address: String, reason: String)
  case notJSON(address: String, problem: String)
  case tooLong(address: String, limit: Int)
  case badRedirect(address: String, reason: String)

  // The network.
  case unknownHost(String)
  case noConnection(host: String, reason: String)
  case proxy(String, reason: String)
  case insecure(host: String, reason: String)
  case broken(address: String, reason: String)

  // What the repository holds.
  case badListing(repository: String, problem: String)
  case noWeights(repository: String, found: [String])
  case onlyPickles(repository: String, file: String)
  case noConfiguration(repository: String)
  case missingShards(repository: String, names: [String])
  case severalGGUF(repository: String, names: [String])
  case noGGUF(repository: String, pattern: String, names: [String])
  case ambiguousGGUF(repository: String, pattern: String, names: [String])

  // What arrived.
  case wrongSize(file: String, expected: Int, found: Int)
  case wrongHash(file: String, expected: String, found: String)
  case foreign(file: String, problem: String)

  // The disk.
  case diskFull(path: String, needed: Int, free: Int)
  case unwritable(path: String, reason: String)

  public var description: String {
    switch self {
    case .badEndpoint(let text):
      "HF_ENDPOINT \(quoted(text)) is not an address: give one such as https://huggingface.co"
    case .badToken(let source):
      "the token in \(source) holds characters that no token has: write it there again, on one line"
    case .badProxy(let text): "the proxy \(quoted(text)) is not an address: give http://HOST:PORT"
    case .offline(let repository):
      "\(repository) is not in the cache, and HF_HUB_OFFLINE forbids to fetch it: unset HF_HUB_OFFLINE and pull again"
    case .unauthorized(let repository, let hasToken):
      hasToken
        ? "the hub refuses the token: make a new one at https://huggingface.co/settings/tokens, set HF_TOKEN to it, "
          + "and pull \(repository) again"
        : "\(repository) is private, asks for terms to be accepted, or does not exist: check the name, or set HF_TOKEN "
          + "to a token that may read it (https://huggingface.co/settings/tokens)"
    case .gated(let repository, let page, let hasToken):
      "\(repository) asks for its terms to be accepted: accept them at \(page), then pull again with "
        + (hasToken ? "a token of the account that accepted them" : "HF_TOKEN set to a token of that account")
    case .forbidden(let repository, let reason):
      "the hub forbids to read \(repository)\(Self.because(reason)): set HF_TOKEN to a token that may read it"
    case .noRepository(let repository, let hasToken):
      "the hub has no model \(repository)"
        + (hasToken
          ? " that this token may see: check the name" : ": check the name, or set HF_TOKEN if it is private")
    case .noRevision(let revision, let repository):
      "\(repository) has no revision \(quoted(revision)): give a branch, a tag or a commit after the @"
    case .noEntry(let path, let repository):
      "the hub lists \(quoted(path)) in \(repository) and does not have it: pull again later, or another revision"
    case .tooManyRequests(let seconds):
      "the hub refuses more requests for now: pull again in "
        + (seconds.map { "\($0) seconds" } ?? "some minutes") + "; it goes on where it stopped"
    case .status(let status, let address, let reason):
      "\(address) answers with status \(status)\(Self.because(reason)): pull again later; it goes on where it stopped"
    case .notJSON(let address, let problem):
      "\(address) does not answer as a hub does (\(problem)): check HF_ENDPOINT, and the network's login page if it has "
        + "one"
    case .tooLong(let address, let limit):
      "\(address) answers with more than \(FileSize.text(limit)), which no listing needs: check HF_ENDPOINT"
    case .badRedirect(let address, let reason): "\(address) redirects \(reason): check HF_ENDPOINT"
    case .unknownHost(let host):
      "the name \(host) does not resolve: check the network, or HF_ENDPOINT if it names the host"
    case .noConnection(let host, let reason):
      "no connection to \(host) (\(reason)): check the network, a proxy (HTTPS_PROXY) or HF_ENDPOINT, and pull again"
    case .proxy(let proxy, let reason):
      "the proxy \(proxy) does not connect (\(reason)): check HTTPS_PROXY and HTTP_PROXY, or what the proxy lets through"
    case .insecure(let host, let reason):
      "the connection to \(host) is not secure (\(reason)): check the machine's clock and certificates, or name those of "
        + "the network's proxy with SSL_CERT_FILE"
    case .broken(let address, let reason):
      "the transfer from \(address) broke (\(reason)): pull again; it goes on where it stopped"
    case .badListing(let repository, let problem):
      "the listing of \(repository) is refused: \(problem); check HF_ENDPOINT, or use another repository"
    case .noWeights(let repository, let found):
      "\(repository) holds no weights that Motet reads, safetensors or GGUF"
        + (found.isEmpty ? ": it is empty" : ": it holds \(FolderContents.list(found))")
        + "; use another repository"
    case .onlyPickles(let repository, let file):
      "\(repository) holds weights as pickles only (\(quoted(file))), which can run code when read: pull a copy in "
        + "safetensors, or convert it with https://huggingface.co/spaces/safetensors/convert and pull the revision that "
        + "it makes"
    case .noConfiguration(let repository):
      "\(repository) holds safetensors and no config.json, so it is not a model that Motet reads; use another repository"
    case .missingShards(let repository, let names):
      "\(repository) lacks \(FolderContents.list(names)), which its index names: pull another revision of it"
    case .severalGGUF(let repository, let names):
      "\(repository) holds several GGUF files: choose one with --gguf, such as --gguf '*Q4_K_M*': \(Self.list(names))"
    case .noGGUF(let repository, let pattern, let names):
      names.isEmpty
        ? "\(repository) holds no GGUF file: pull it without --gguf"
        : "no GGUF file of \(repository) matches \(quoted(pattern)): there are \(Self.list(names))"
    case .ambiguousGGUF(let repository, let pattern, let names):
      "\(quoted(pattern)) matches several GGUF files of \(repository): give more of the name of one: \(Self.list(names))"
    case .wrongSize(let file, let expected, let found):
      "\(file) arrived with \(found) bytes, not \(expected), and was not kept: pull again, and see what stands between "
        + "here and the hub"
    case .wrongHash(let file, let expected, let found):
      "\(file) arrived with the hash \(found), not \(expected), and was not kept: pull again, and see what stands between "
        + "here and the hub"
    case .foreign(let file, let problem):
      "\(file) did not arrive (\(problem)): check HF_ENDPOINT, and the network's login page if it has one"
    case .diskFull(let path, let needed, let free):
      "\(path) has room for \(FileSize.text(free)), and \(FileSize.text(needed)) are to come: free some space, or set "
        + "HF_HUB_CACHE to a folder on another disk"
    case .unwritable(let path, let reason):
      "\(path) is not written: \(reason); or set HF_HUB_CACHE to another folder"
    }
  }

  private static func because(_ reason: String) -> String { reason.isEmpty ? "" : " (\(quoted(reason)))" }

  private static func list(_ names: [String]) -> String {
    names.prefix(40).joined(separator: ", ") + (names.count > 40 ? " and \(names.count - 40) more" : "")
  }

  /// Whether the same request may go well a moment later.
  var isTransient: Bool {
    switch self {
    case .tooManyRequests, .broken, .noConnection: true
    case .status(let status, _, _): status >= 500 || status == 408
    default: false
    }
  }
}
