/// Prompts written for these tests: what the routers learn from, and other phrasings to try them on.
enum Prompts {
  static let math = [
    "Solve the equation 3x + 5 = 20.", "What is 12 times 14?", "Find the roots of x² - 5x + 6 = 0.",
    "A baker sells 24 rolls a day; how many rolls does he sell in 7 days?", "Solve for y: 2y - 8 = 10.",
    "Calculate the area of a rectangle with sides 4 cm and 9 cm.", "What is 3/4 of 60?",
    "Factor the quadratic x² + 7x + 12.", "How many minutes are there in 5 hours?",
    "A train covers 180 km in 3 hours. What is its average speed?", "Simplify 6x + 2x - 3.",
    "Tom has 15 marbles and gives away 6. How many are left?", "What is 15% of 240?",
    "Solve the quadratic equation x² = 49.", "Compute the sum of the first 10 numbers.",
    "If 5 pens cost $10, how much do 8 pens cost?", "Find the perimeter of a square with side 12.",
    "Evaluate 2³ + 4².", "Solve this system of equations: x + y = 10 and x - y = 2.",
    "Which number multiplied by 9 equals 81?", "A shirt costs $40 and is 25% off. What is the price?",
    "Work out the equation 4(x - 1) = 16 step by step.", "What is the square root of 144?",
    "Divide 96 by 8.", "Find the value of x if 7x = 63.", "Solve quadratic equations such as x² + x - 2 = 0.",
  ]
  static let code = [
    "Write a Python function that reverses a string.",
    "Fix the bug in this loop: for i in range(10) print(i)",
    "Write code to sort a list in Python.", "def add(a, b): return a - b  # why is this wrong?",
    "Write a function is_even(n) that returns True for even n.",
    "How do I read a file line by line in Python?",
    "Implement a stack class with push() and pop().", "Write a program that prints every item of a list.",
    "What does len(items) return?", "Write a Python script that counts words in a file.",
    "Refactor this function to use a dictionary.", "Create a function that removes duplicates from a list.",
    "Write a unit test for the function parse_date(text).",
    "Convert this while loop into a for loop in Python.",
    "Write code that joins two lists into one dictionary.", "Write a Python class named Account.",
    "Explain what `return x if x else None` does in this code.",
    "Write a function to check for a palindrome.",
    "How can I catch an exception in Python?", "Write a SQL query that selects all users.",
    "Write a JavaScript function that filters an array.",
    "Program a loop that stops at the first empty line.",
    "Write a function max_of(values) without using max().", "Add type hints to this Python method.",
    "Write code to parse JSON from a string.", "Implement binary search as a function.",
  ]
  static let qa = [
    "Who painted the ceiling of the chapel in Rome?", "What is the capital of Australia?",
    "When did the second world war end?", "Where is the river Danube born?",
    "Who was the first person to walk on the moon?", "Which country has the longest coast?",
    "In which year was the Eiffel tower built?", "Who wrote the novel about the white whale?",
    "What is the largest planet in the solar system?", "Where do kangaroos live?",
    "Who discovered penicillin?", "Which ocean lies between Africa and Australia?",
    "According to the passage, who built the bridge?", "When was the city of Rome founded?",
    "According to the text, where did the king live?", "Who was the president during the civil war?",
    "What language is spoken in Brazil?", "Which city hosted the first modern Olympics?",
    "Who invented the telephone?", "When did the first railway open?", "Where was the treaty signed?",
    "Which king built the castle in the story?", "What is the name of the highest mountain in Africa?",
    "Who composed the opera about the barber?", "In which country was the explorer born?",
    "When was the university founded, according to the passage?",
  ]
  static let domains = ["math": math, "code": code, "qa": qa]

  /// Other phrasings, never seen in training.
  static let heldOut = [
    "math": [
      "Determine x in 9x - 4 = 32.", "A farmer has 48 eggs and sells 30. How many eggs are left?",
      "What is 8 times 23?", "Find all solutions of x² - 9 = 0.", "How much is 20% of 350?",
      "A car drives 240 km in 4 hours; what is the speed?", "Calculate 17 + 26 - 9.",
      "If 3 notebooks cost $12, what do 5 notebooks cost?",
    ],
    "code": [
      "Write a Python function that finds the longest word.", "Why does print(items[5]) raise an exception?",
      "Implement a queue class in Python.", "Write code to merge two dictionaries.",
      "Write a script that renames every file in a folder.",
      "def square(n): return n * 2  # what is the bug?",
      "Create a function that counts vowels in a string.", "Write a SQL query that counts the orders.",
    ],
    "qa": [
      "Who wrote the play about the prince of Denmark?", "What is the capital of Canada?",
      "When was the Berlin wall built?", "Where was the composer born?",
      "Which country has the largest desert?", "Who discovered radium?",
      "According to the passage, when did the war end?", "Who was the first woman in space?",
    ],
  ]

  static let strangers = [
    "What should I cook tonight?", "hola, ¿qué tal?", "Tell me something about your feelings.",
    "I had such a lovely weekend with my family", "asdf qwer zxcv", "おはよう", "🙂🙂🙂", "", "   \n",
  ]
}
