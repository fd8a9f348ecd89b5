import Foundation
import MotetServing
import Testing

@testable import MotetServer

@Suite struct TrustTests {
  @Test func aBucketFillsEvenly() {
    let limiter = RateLimiter()
    let start = ContinuousClock.now
    for _ in 0..<60 { #expect(limiter.take("a", perMinute: 60, at: start) == nil) }
    #expect(limiter.take("a", perMinute: 60, at: start) == 1)
    #expect(limiter.take("b", perMinute: 60, at: start) == nil)
    #expect(limiter.take("a", perMinute: 60, at: start + .seconds(1)) == nil)
    #expect(limiter.take("a", perMinute: 60, at: start + .milliseconds(1500)) != nil)
    for _ in 0..<60 { #expect(limiter.take("a", perMinute: 60, at: start + .seconds(1000)) == nil) }
    #expect(limiter.take("a", perMinute: 60, at: start + .seconds(1000)) != nil)
  }

  @Test(arguments: ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
  func loopbackNeedsNoKeys(host: String) throws {
    try BindRule.check(host: host, hasKeys: false, insecure: false)
  }

  @Test(arguments: [
    "0.0.0.0", "::", "192.168.1.5", "127.evil.com", "1270.0.0.1", "example.org", "127.0.0.1.nip.io",
  ])
  func anythingElseNeedsKeysOrTheWord(host: String) throws {
    let error = #expect(throws: AnswerServerError.self) {
      try BindRule.check(host: host, hasKeys: false, insecure: false)
    }
    #expect(error?.description.contains("--api-keys") == true)
    try BindRule.check(host: host, hasKeys: true, insecure: false)
    try BindRule.check(host: host, hasKeys: false, insecure: true)
  }

  @Test func aServerThatMayNotListenIsNotMade() {
    #expect(throws: AnswerServerError.openToOthers(host: "0.0.0.0")) { try Harness { $0.host = "0.0.0.0" } }
  }

  @Test func aScopeAllowsNamesTheirVersionsAndBeginnings() {
    let scope = AdapterScope(patterns: ["math", "acme-*"])
    for name in ["math", "math@3", "acme-", "acme-law@1"] { #expect(scope.allows(name)) }
    for name in ["maths", "mat", "acme", "code", ""] { #expect(!scope.allows(name)) }
    #expect(AdapterScope.all.allows("anything"))
    #expect(!AdapterScope(patterns: []).allows("math"))
  }
}
