import Testing

@testable import MotetDemo

private func item(_ check: Check) -> DemoItem {
  DemoItem(prompt: "", response: "", domain: .math, check: check, phrasings: [], combination: "")
}

@Suite struct NumberGradingTests {
  @Test(arguments: [
    "7", "Answer: 7", "x = 7", "The answer is seven.", "The answer is **7**.", "\\boxed{7}", "7.0",
    "14 / 2 = 7",
    "Answer: 14/2", "x = 7, because 3 * 7 + 4 = 25.", "There are 7 apples left.", "= $7$",
    "So the answer is x = 7", "Answer: \\frac{14}{2}",
  ])
  func theRightNumberCountsInAnyForm(text: String) {
    #expect(DemoGrader.isCorrect(text, for: item(.number(7))))
  }

  @Test(arguments: [
    "8", "Answer: 17", "x = -7", "", "no idea", "The answer is seventy.", "0.7", "Answer: 7/2", "70",
  ])
  func anotherNumberIsWrong(text: String) {
    #expect(!DemoGrader.isCorrect(text, for: item(.number(7))))
  }

  @Test func otherValuesAreReadAsWell() {
    #expect(DemoGrader.isCorrect("twenty-one", for: item(.number(21))))
    #expect(DemoGrader.isCorrect("about 1,200 coins", for: item(.number(1200))))
    #expect(DemoGrader.isCorrect("x = −3", for: item(.number(-3))))
    #expect(DemoGrader.isCorrect("3/4", for: item(.number(0.75))))
    #expect(DemoGrader.isCorrect("Answer: 1 1/2", for: item(.number(1.5))))
    #expect(DemoGrader.isCorrect("Answer: one", for: item(.number(1))))
    #expect(!DemoGrader.isCorrect("There is one way to see it.", for: item(.number(1))))
  }

  @Test func aNumberOnTheWayIsNoAnswer() {
    #expect(!DemoGrader.isCorrect("3x = 19 - 4 = 15\nx = 15 / 3 = 6\nAnswer: 6", for: item(.number(15))))
  }
}

@Suite struct CodeGradingTests {
  private static let squares = item(
    .code([
      CodeCase(argument: "[1, 2, 3, 4]", expected: "[4, 16]"), CodeCase(argument: "[5, 6]", expected: "[36]"),
    ]))

  @Test(arguments: [
    "def f(xs):\n    return [x * x for x in xs if x % 2 == 0]",
    """
    Here it is:
    ```python
    def even_squares(xs):
        out = []
        for x in xs:
            if x % 2 == 0:
                out.append(x ** 2)
        return out
    ```
    It uses a loop.
    """,
    """
    Sure!

    def g(xs):
        return list(map(lambda x: x**2, filter(lambda x: x % 2 == 0, xs)))

    This function works.
    """,
    "def f(xs):\n    return tuple(x * x for x in xs if not x % 2)",
    "def f(xs):\n    return [x * x for x in xs if x % 2 == 0]\n\nprint(f([1,",
    """
    ```
    def helper(x):
        return x * x

    def f(xs):
        return [helper(x) for x in xs if x % 2 == 0]

    print(f('oops') + 1)
    ```
    """,
  ])
  func workingFunctionsCountHoweverWritten(text: String) {
    #expect(DemoGrader.isCorrect(text, for: Self.squares))
  }

  @Test(arguments: [
    "", "I cannot do that.", "def f(xs):\n    return [x * x for x in xs]",
    "def f(xs):\n    while True:\n        pass", "def f(xs):\n    return xs[100]",
    "def f(xs, k):\n    return xs", "def f(xs):\n    return [4, 16]", "def f(xs)\n    return xs",
    "```python\n```", "[x * x for x in xs if x % 2 == 0]",
  ])
  func wrongAndBrokenFunctionsDoNot(text: String) {
    #expect(!DemoGrader.isCorrect(text, for: Self.squares))
  }
}

@Suite struct TextGradingTests {
  private static let missing = item(
    .text(
      accepted: ["Anna"], distractors: ["Ben", "Clara"],
      passage: "Anna, Ben and Clara were invited. Ben and Clara came."))

  @Test(arguments: [
    "Anna", "anna.", "The answer is Anna.", "Ben came. Clara came. So Anna was missing.", "Answer: Anna",
    "Ben came.\nAnswer: Anna", "Anna was missing. Ben and Clara came.", "It was Anna's turn.",
    "**Anna** did not come, the others did.",
  ])
  func theRightNameCounts(text: String) {
    #expect(DemoGrader.isCorrect(text, for: Self.missing))
  }

  @Test(arguments: [
    "Ben", "", "Annabel", "Anna, Ben and Clara were invited. Ben and Clara came.", "Anna, Ben, Clara",
    "Anna. Ben. Clara.", "Anna or Ben", "Anna came.\nAnswer: Ben", "Clara did not come.",
    "- Anna\n- Ben\n- Clara", "Answer: Ben. Anna came.",
  ])
  func anotherNameOrAListIsWrong(text: String) {
    #expect(!DemoGrader.isCorrect(text, for: Self.missing))
  }

  @Test func articlesAndAccentsDoNotMatter() {
    let place = item(.text(accepted: ["café"], distractors: ["barn"], passage: "The key was in the barn."))
    #expect(DemoGrader.isCorrect("It is in the Cafe now.", for: place))
  }
}
