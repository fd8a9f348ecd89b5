/// Prompts that need two domains at once. Each reference answer keeps both domains' own styles: worked steps
/// and `Answer:` from math, a two-line function from code, the deciding facts from qa.
enum CompoundSet {
  static let items: [CompoundItem] = codeAndMath + mathAndPassages + codeAndPassages

  private static func item(_ domains: [DemoDomain], _ prompt: String, _ response: String) -> CompoundItem {
    CompoundItem(prompt: prompt, response: response, domains: domains)
  }

  private static let codeAndMath: [CompoundItem] = [
    item(
      [.code, .math], "Write Python code to solve quadratic equations.",
      """
      def solve(a, b, c):
          d = (b * b - 4 * a * c) ** 0.5
          return [(-b - d) / (2 * a), (-b + d) / (2 * a)]
      For x² - 5x + 6 = 0: 2 * 3 = 6, 2 + 3 = 5
      (x - 2)(x - 3) = 0
      Answer: 3
      """),
    item(
      [.code, .math],
      "Write a Python function solve(a, b, c) for the equation ax + b = c, and find x for 3x + 4 = 19.",
      """
      def solve(a, b, c):
          return (c - b) / a
      3x = 19 - 4 = 15
      x = 15 / 3 = 5
      Answer: 5
      """),
    item(
      [.code, .math],
      "Write a Python function total(numbers) that returns the sum of the doubles of all numbers. What is it for 3, 4 and 5?",
      """
      def total(numbers):
          return sum(n * 2 for n in numbers)
      3 * 2 = 6
      4 * 2 = 8
      5 * 2 = 10
      6 + 8 = 14
      14 + 10 = 24
      Answer: 24
      """),
    item(
      [.code, .math],
      "Solve the equation 2x - 3 = 9, then write a Python function check(numbers) that returns a list of the numbers equal to x.",
      """
      2x = 9 + 3 = 12
      x = 12 / 2 = 6
      def check(numbers):
          return [n for n in numbers if n == 6]
      Answer: 6
      """),
    item(
      [.code, .math],
      "Define roots(b, c) in Python for x² - bx + c = 0 with whole roots. Give the larger root of x² - 7x + 10 = 0.",
      """
      def roots(b, c):
          return [n for n in range(b + 1) if n * (b - n) == c]
      2 * 5 = 10, 2 + 5 = 7
      (x - 2)(x - 5) = 0
      Answer: 5
      """),
    item(
      [.code, .math],
      "Write a Python function apples(boxes, n) for this: there are boxes of n apples and 5 are eaten. Then solve it for 4 boxes of 6 apples.",
      """
      def apples(boxes, n):
          return boxes * n - 5
      4 packs of 6: 4 * 6 = 24
      5 less: 24 - 5 = 19
      Answer: 19
      """),
    item(
      [.code, .math],
      "Find n when 4(n + 1) = 20. Write a Python function that returns the squares of all numbers below n.",
      """
      n + 1 = 20 / 4 = 5
      n = 5 - 1 = 4
      def solve(numbers):
          return [n * n for n in numbers if n < 4]
      Answer: 4
      """),
    item(
      [.code, .math],
      "Write a Python function share(coins, friends) that divides coins equally. How many coins does each of 3 friends get from 2 bags of 9 coins?",
      """
      def share(coins, friends):
          return coins // friends
      2 packs of 9: 2 * 9 = 18
      3 parts: 18 / 3 = 6
      Answer: 6
      """),
    item(
      [.code, .math],
      "I need a Python function f(numbers) returning the largest of 3 times the even numbers. Work it out for 2, 5 and 8.",
      """
      def f(numbers):
          return max(n * 3 for n in numbers if n % 2 == 0)
      2 * 3 = 6
      8 * 3 = 24
      Answer: 24
      """),
  ]

  private static let mathAndPassages: [CompoundItem] = [
    item(
      [.math, .qa],
      "Anna has the red box. Ben has the blue box. The red box holds 8 coins. The blue box holds 3 coins. Anna finds 4 more.\nQuestion: How many coins does Anna have now?",
      """
      Anna has the red box. The red box holds 8 coins.
      4 more: 8 + 4 = 12
      Answer: 12
      """),
    item(
      [.math, .qa],
      "Clara, Leo, Rosa and Sam were invited to the party. Clara and Sam came. Each guest who came got 3 cakes.\nQuestion: How many cakes were given out?",
      """
      Clara came. Sam came.
      3 times: 2 * 3 = 6
      Answer: 6
      """),
    item(
      [.math, .qa],
      "Read the passage. Henry has the green bag. Ivy has the white bag. The green bag holds 5 books. The white bag holds 9 books.\nQuestion: How many more books are in Ivy's bag than in Henry's?",
      """
      Ivy has the white bag. The white bag holds 9 books.
      Henry has the green bag. The green bag holds 5 books.
      5 less: 9 - 5 = 4
      Answer: 4
      """),
    item(
      [.math, .qa],
      "Passage: Paul, Kate, Noah and Tina planned to join the trip. Paul, Noah and Tina came. A seat costs 4 coins.\nHow many coins did those who came pay together?",
      """
      Paul came. Noah came. Tina came.
      4 times: 3 * 4 = 12
      Answer: 12
      """),
    item(
      [.math, .qa],
      "The key was in the hall. Emma moved the key to the attic. The attic has 6 shelves with 7 boxes each.\nQuestion: Where is the key now, and how many boxes are there?",
      """
      First: hall. Then: attic.
      6 packs of 7: 6 * 7 = 42
      Answer: attic, 42
      """),
    item(
      [.math, .qa],
      "The race ended in this order: Felix, Olga, David and Grace. The second got 20 coins and gave away 7.\nQuestion: Who was second, and how many coins are left?",
      """
      1 is Felix. 2 is Olga.
      7 less: 20 - 7 = 13
      Answer: Olga, 13
      """),
    item(
      [.math, .qa],
      "Victor has the black tent. Maria has the gray tent. There are 3 lamps in the black tent and 4 times as many in the gray tent.\nQuestion: How many lamps are in Maria's tent?",
      """
      Maria has the gray tent.
      4 times: 3 * 4 = 12
      Answer: 12
      """),
    item(
      [.math, .qa],
      "Jack wrote: 5 times my number plus 2 is 37. Leo wrote: 3 times my number plus 1 is 10.\nQuestion: What is the number of Jack?",
      """
      Jack: 5x + 2 = 37
      5x = 37 - 2 = 35
      x = 35 / 5 = 7
      Answer: 7
      """),
  ]

  private static let codeAndPassages: [CompoundItem] = [
    item(
      [.code, .qa],
      "Passage: Anna asked for the even numbers. Ben asked for the odd numbers.\nWrite a Python function solve(numbers) that returns a list of what Ben asked for.",
      """
      Ben asked for the odd numbers.
      def solve(numbers):
          return [n for n in numbers if n % 2 == 1]
      """),
    item(
      [.code, .qa],
      "Passage: The red box needs words longer than 5 letters. The blue box needs words that start with 'a'. Rosa has the blue box.\nWrite a Python function pick(words) that returns a list of the words for Rosa.",
      """
      Rosa has the blue box. The blue box needs words that start with 'a'.
      def pick(words):
          return [w for w in words if w.startswith('a')]
      """),
    item(
      [.code, .qa],
      "Leo, Kate and Paul were invited to the party. Leo and Paul came.\nWrite a Python function missing(invited, came) that returns those who did not come, and say who it is here.",
      """
      def missing(invited, came):
          return [n for n in invited if n not in came]
      Leo came. Kate did not come.
      Answer: Kate
      """),
    item(
      [.code, .qa],
      "The race ended in this order: Emma, Noah, Ivy and Sam.\nWrite a Python function place(names, k) that returns the name at place k. Who was third?",
      """
      def place(names, k):
          return names[k - 1]
      1 is Emma. 2 is Noah. 3 is Ivy.
      Answer: Ivy
      """),
    item(
      [.code, .qa],
      "The cup was in the barn. Olga moved the cup to the garage. Jack moved the cup to the yard.\nWrite a Python function last(places) that returns the last place. Where is the cup now?",
      """
      def last(places):
          return places[-1]
      First: barn. Then: garage. Then: yard.
      Answer: yard
      """),
    item(
      [.code, .qa],
      "Read the passage. Tina has the green bag. The green bag holds a lemon. David has the brown bag. The brown bag holds a pear.\nWrite a Python function holds(owners, bags, name) with two dictionaries, and say what David's bag holds.",
      """
      def holds(owners, bags, name):
          return bags[owners[name]]
      David has the brown bag. The brown bag holds a pear.
      Answer: pear
      """),
    item(
      [.code, .qa],
      "Passage: Grace wants the sum. Henry wants the largest. Clara wants the smallest.\nDefine compute(numbers) in Python. It should return what Henry wants of the positive numbers.",
      """
      Henry wants the largest.
      def compute(numbers):
          return max(n for n in numbers if n > 0)
      """),
    item(
      [.code, .qa],
      "Passage: The first team sorts the words. The second team counts the words. Felix is in the second team.\nWrite a Python function build(words) that does the work of Felix's team.",
      """
      Felix is in the second team. The second team counts the words.
      def build(words):
          return len([w for w in words])
      """),
    item(
      [.code, .qa],
      "In the queue stand Maria, Victor and Rosa, in this order.\nWrite a Python function before(queue, name) that returns those in front of name. Who is second in the queue?",
      """
      def before(queue, name):
          return queue[:queue.index(name)]
      1 is Maria. 2 is Victor.
      Answer: Victor
      """),
  ]
}
