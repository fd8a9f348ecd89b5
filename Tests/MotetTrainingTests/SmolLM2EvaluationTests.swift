import MotetModels
import MotetTensor
import MotetTraining
import Testing

private let model = "smollm2-135m-instruct"

@Suite(.enabled(if: (try? ModelStore().find(model)) != nil))
struct SmolLM2EvaluationTests {
  static let rows = [
    ("What is 7 times 8?", "7 times 8 is 56."),
    ("A box holds 12 eggs. How many eggs are in 5 boxes?", "Five boxes hold 60 eggs."),
    ("Solve x + 9 = 14.", "Subtract 9 from both sides: x = 5."),
    ("What is a third of 27?", "27 / 3 = 9"),
    ("Write a Python function that doubles a number.", "def double(n):\n    return 2 * n"),
    ("Write a Python function that tells whether a list is empty.", "def is_empty(xs):\n    return not xs"),
    ("Reverse a string in Python.", "text[::-1]"),
    ("How do I open a file in Python?", "with open(\"notes.txt\") as file:\n    text = file.read()"),
    ("Which river runs through Paris?", "The Seine."), ("Who painted the Mona Lisa?", "Leonardo da Vinci."),
    ("What is the largest planet?", "Jupiter is the largest planet of the solar system."),
    ("In which year did the First World War begin?", "It began in 1914."),
    ("Name three primary colours.", "Red, yellow and blue."),
    ("Give the plural of \"mouse\".", "mice"), ("Why do leaves turn yellow?", "They lose their chlorophyll."),
    ("Write one sentence about the sea.", "The sea was grey and quiet under the morning fog."),
    ("Translate \"thank you\" to Spanish.", "Gracias."),
    ("What do bees make?", "Bees make honey and wax."),
    ("How many minutes are in two hours?", "Two hours are 120 minutes."),
    ("What is the boiling point of water?", "At sea level water boils at 100 °C."),
  ]

  @Test(.enabled(if: Precision.bf16.isAvailable, "this processor has no units for bf16"))
  func bf16CostsLessThanHalfAPercentOfTheNLL() async throws {
    let data = Dataset(Self.rows.map { DatasetRow(prompt: $0.0, response: $0.1) })
    #expect(data.rows.count == 20)
    var values: [Double] = []
    for precision in [Precision.f32, .bf16] {
      let base = try await BaseModel.load(model, precision: precision)
      let nll = try await base.nll(of: data.examples(for: base))
      #expect(nll.count > 150)
      values.append(nll.value)
    }
    print("NLL in f32 \(values[0]), in bf16 \(values[1])")
    #expect(values[0] > 0.5)
    #expect(abs(values[1] / values[0] - 1) < 0.005)
  }

  @Test(
    .enabled(
      if: Precision.int8.isSupported && Precision.bf16.isSupported,
      "this processor lacks the units for int8 or bf16"))
  func eightBitsCostAtMostAPercentOfTheNLLOfBF16() async throws {
    let data = Dataset(Self.rows.map { DatasetRow(prompt: $0.0, response: $0.1) })
    var values: [Double] = []
    for precision in [Precision.bf16, .int8] {
      let base = try await BaseModel.load(model, precision: precision)
      values.append(try await base.nll(of: data.examples(for: base)).value)
    }
    print("NLL in bf16 \(values[0]), in int8 \(values[1])")
    #expect(values[1] != values[0])
    #expect(values[1] / values[0] < 1.01)
  }
}
