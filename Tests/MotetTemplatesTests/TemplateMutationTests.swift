import MotetTemplates
import Testing

/// Templates with random damage: each is rendered or gives an error, in bounded time.
@Suite struct TemplateMutationTests {
  @Test func damagedTemplatesNeverCrashOrHang() throws {
    let fixture = try LanguageFixture()
    var random = SplitMix(seed: 7)
    var limits = TemplateLimits()
    (limits.steps, limits.text, limits.memory) = (20_000, 1 << 20, 4 << 20)
    let sources = fixture.cases.map { Array($0.template.unicodeScalars) }.filter { $0.count > 4 }
    let pieces: [[Unicode.Scalar]] = [
      "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "|", ".",
      ",", ":", "~", "=", "==", "**",
      "//", "%", " if ", " else ", " for ", " in ", " is ", " not ", "\n", "\u{0}", "\u{1F600}", "\u{301}",
      "9999999999", "-1", "0", "1e308", "none",
      "loop", "range(9)", "| list", "| tojson", "| length", "[::-1]", "{% endif %}", "{% endfor %}",
      "{% set x = x ~ x %}", "namespace()", "\\u", "\\x",
    ].map { Array($0.unicodeScalars) }
    var (rendered, refused) = (0, 0)
    for _ in 0..<20_000 {
      var scalars = sources[random.next(below: sources.count)]
      for _ in 0...random.next(below: 4) {
        let place = random.next(below: scalars.count + 1)
        switch random.next(below: 4) {
        case 0: scalars.insert(contentsOf: pieces[random.next(below: pieces.count)], at: place)
        case 1:
          scalars.removeSubrange(
            min(place, scalars.count)..<min(place + 1 + random.next(below: 6), scalars.count))
        case 2:
          let other = sources[random.next(below: sources.count)]
          let start = random.next(below: other.count)
          scalars.insert(contentsOf: other[start..<min(other.count, start + 12)], at: place)
        default:
          if !scalars.isEmpty {
            scalars.swapAt(random.next(below: scalars.count), random.next(below: scalars.count))
          }
        }
        if scalars.isEmpty { break }
      }
      var source = String.UnicodeScalarView()
      source.append(contentsOf: scalars)
      do {
        _ = try Template(String(source)).render(fixture.variables, limits: limits)
        rendered += 1
      } catch {
        refused += 1
        #expect(error is TemplateError, "\(String(source)): \(error)")
      }
    }
    // Both happen, so that neither path is missed.
    #expect(rendered > 1_000 && refused > 1_000)
  }
}

/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
struct SplitMix {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next(below bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((z ^ (z >> 31)) % UInt64(max(1, bound)))
  }
}
