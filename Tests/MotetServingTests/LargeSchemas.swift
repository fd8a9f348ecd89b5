/// Schemas of the sizes that APIs promise, each with texts that fit it and texts that do not.
struct LargeSchema: Sendable, CustomStringConvertible {
  let description: String
  let schema: String
  let good: [String]
  let bad: [String]

  static let all: [LargeSchema] = [
    constants, mixedConstants, constantsOfOneOf, optionalMembers, requiredMembers, openMembers, objects,
    taggedObjects, alternatives, optionalCharacters, ambiguous, subsets, nestedCounts, long,
  ]

  static let constants = LargeSchema(
    description: "enum of 1000", schema: #"{"enum":[\#(list(1000) { #""value number \#($0)""# })]}"#,
    good: [#""value number 0""#, #""value number 999""#, #""value number 51""#],
    bad: [#""value number 1000""#, #""value number ""#, #""value number 01""#])

  static let mixedConstants = LargeSchema(
    description: "enum of 511, mixed",
    schema: #"{"enum":[\#(list(507) { #"{"id":\#($0),"a":"x\#($0)"}"# }),null,true,1.5,["z"]]}"#,
    good: [#"{"id":506,"a":"x506"}"#, "null", "true", "1.5", #"["z"]"#],
    bad: [#"{"id":506,"a":"x505"}"#, "false", "15"])

  static let constantsOfOneOf = LargeSchema(
    description: "oneOf of 3000 constants",
    schema: #"{"oneOf":[\#(list(3000) { #"{"const":"c\#($0)","title":"t"}"# })]}"#,
    good: [#""c0""#, #""c2999""#], bad: [#""c3000""#, #""c""#])

  static let optionalMembers = LargeSchema(
    description: "5000 optional members",
    schema:
      #"{"type":"object","properties":{\#(list(5000) { #""member_\#($0)":{"type":"string"}"# })},"additionalProperties":false}"#,
    good: [
      "{}", #"{"member_0":"a"}"#, #"{"member_7":"a","member_4999":"b"}"#,
      #"{ "member_4000": "é", "member_4010":""}"#,
    ],
    bad: [
      #"{"member_5000":"a"}"#, #"{"member_7":"a","member_7":"b"}"#, #"{"member_7":"a","member_6":"b"}"#,
      #"{"member_7":1}"#, #"{"member_7":"a",}"#,
    ])

  static let requiredMembers = LargeSchema(
    description: "600 members, every third required",
    schema:
      #"{"type":"object","properties":{\#(list(600) { #""m\#($0)":{"type":"integer"}"# })},"required":[\#(list(200) { #""m\#(3 * $0)""# })]}"#,
    good: ["{" + list(200) { #""m\#(3 * $0)":1"# } + "}"],
    bad: [
      "{" + list(199) { #""m\#(3 * $0)":1"# } + "}", "{}", #"{"m1":1"#, #"{"m0":1,"m4":1}"#,
    ])

  static let openMembers = LargeSchema(
    description: "240 long names and others",
    schema:
      #"{"type":"object","properties":{\#(list(240) { #""\#(String(repeating: "long ", count: 50))\#($0)":{"type":"integer"}"# })},"additionalProperties":{"type":"string"}}"#,
    good: [
      #"{"\#(String(repeating: "long ", count: 50))17":4}"#, #"{"long long":"x","y\"\u00e9":""}"#,
      #"{"\#(String(repeating: "long ", count: 50))17":4,"\#(String(repeating: "long ", count: 50))240":"s"}"#,
    ],
    bad: [
      #"{"\#(String(repeating: "long ", count: 50))17":"s"}"#, #"{"long":4}"#,
      #"{"\u006cong":"x"}"#,
    ])

  static let objects = LargeSchema(
    description: "anyOf of 200 objects",
    schema:
      #"{"anyOf":[\#(list(200) { #"{"type":"object","properties":{"text":{"type":"string"},"kind":{"const":"k\#($0)"},"v\#($0)":{"type":"number"}},"required":["text","kind"]}"# })]}"#,
    good: [#"{"text":"some words","kind":"k199","v199":1.5}"#, #"{ "text": "", "kind": "k0" }"#],
    bad: [#"{"text":"a","kind":"k3","v4":1}"#, #"{"kind":"k3"}"#])

  static let taggedObjects = LargeSchema(
    description: "oneOf of 600 tagged objects",
    schema:
      #"{"oneOf":[\#(list(600) { #"{"type":"object","properties":{"kind":{"const":"k\#($0)"},"n":{"type":"integer"}},"required":["kind"]}"# })]}"#,
    good: [#"{"kind":"k599","n":1}"#, #"{"kind":"k5"}"#], bad: [#"{"kind":"k600"}"#, #"{"n":1}"#])

  static let alternatives = LargeSchema(
    description: "pattern of 600 alternatives",
    schema: #"{"type":"string","pattern":"^(\#(list(600, "|") { "word\($0)|x\($0)[0-9]" }))$"}"#,
    good: [#""word599""#, #""x71""#, #""x5990""#], bad: [#""word600""#, #""word""#, #""x""#])

  static let optionalCharacters = LargeSchema(
    description: "^(.?){500}$", schema: #"{"type":"string","pattern":"^(.?){500}$"}"#,
    good: [#""""#, #""abc é""#, "\"" + String(repeating: "x", count: 500) + "\""],
    bad: ["\"" + String(repeating: "x", count: 501) + "\""])

  static let ambiguous = LargeSchema(
    description: "^(a?b?.?){300}$", schema: #"{"type":"string","pattern":"^(a?b?.?){300}$"}"#,
    good: [
      #""""#, "\"" + String(repeating: "ab", count: 200) + "\"",
      "\"" + String(repeating: "x", count: 300) + "\"",
    ],
    bad: ["\"" + String(repeating: "x", count: 301) + "\""])

  static let subsets = LargeSchema(
    description: "(a|b|c).{14}z", schema: #"{"type":"string","pattern":"(a|b|c).{14}z"}"#,
    good: [#""xxa12345678901234z..""#, #""aaaaaaaaaaaaaaaaaaaaz""#],
    bad: [#""xxa1234567890123z""#, #""x""#])

  static let nestedCounts = LargeSchema(
    description: "^((a?){50}){50}$", schema: #"{"type":"string","pattern":"^((a?){50}){50}$"}"#,
    good: [#""""#, "\"" + String(repeating: "a", count: 2500) + "\""],
    bad: ["\"" + String(repeating: "a", count: 2501) + "\"", #""b""#])

  static let long = LargeSchema(
    description: "maxLength 10000", schema: #"{"type":"string","minLength":3,"maxLength":10000}"#,
    good: [#""abc""#, "\"" + String(repeating: "é", count: 10_000) + "\""],
    bad: [#""ab""#, "\"" + String(repeating: "a", count: 10_001) + "\""])

  private static func list(_ count: Int, _ separator: String = ",", _ item: (Int) -> String) -> String {
    (0..<count).map(item).joined(separator: separator)
  }
}
