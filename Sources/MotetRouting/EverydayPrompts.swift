/// Everyday requests that belong to no trained domain, written for this project.
///
/// A router that has only seen its own domains takes whatever it meets for one of them; a few rows of
/// "something else" teach it better (outlier exposure, Hendrycks et al. 2019, arXiv:1812.04606).
/// They are the default `none` rows; pass `none: []`, or your own, where a domain is itself everyday talk.
public enum EverydayPrompts {
  public static let all: [String] =
    greetings + food + home + travel + feelings + leisure + health + shopping + work + devices + writing
    + languages

  static let greetings = [
    "Hello there!", "Good morning, how are you?", "Hi, nice to meet you.", "Thanks a lot, that was helpful.",
    "Bye, talk to you later.", "Hey, what's up?", "Tell me a joke.", "Who are you and what can you do?",
    "Can we just chat for a while?", "I am bored.", "Please stop.", "What is your name?",
    "Happy birthday to my best friend!", "You are so funny.", "Good night.", "Never mind, forget it.",
  ]
  static let food = [
    "Suggest an easy dinner with chicken and rice.", "How long do I boil an egg?",
    "What wine goes well with fish?", "Give me a recipe for banana bread.",
    "How do I keep herbs fresh in the fridge?", "I need ideas for a vegetarian lunch.",
    "Why did my cake sink in the middle?", "Which spices belong in a curry?",
    "Book a table at the Italian restaurant for tonight.", "Is it safe to eat this leftover soup?",
    "What could I serve at a picnic?", "How do I bake sourdough at home?",
  ]
  static let home = [
    "How do I remove a red wine stain from the carpet?", "My kitchen sink is clogged.",
    "When should I water my tomato plants?", "Turn off the lights in the living room.",
    "What colour should I paint my bedroom?", "How do I get rid of ants?", "Remind me to take out the trash.",
    "Add milk and bread to my shopping list.", "Wake me up early tomorrow.",
    "How can I make my small flat feel larger?", "The washing machine makes a strange noise.",
    "Set the heating a little warmer, please.",
  ]
  static let travel = [
    "Plan a weekend trip to the mountains.", "What should I pack for a beach holiday?",
    "Find me a cheap flight to Lisbon.", "Do I need a visa to visit Japan?",
    "Which neighbourhood is nice to stay in?", "How is the traffic on the way to the airport?",
    "Will it rain this weekend?", "Do I need an umbrella today?", "Recommend a museum for children.",
    "My suitcase got lost, what can I do?", "How do I get over jet lag?", "Call me a taxi.",
  ]
  static let feelings = [
    "I feel lonely lately.", "How do I say sorry to my sister?", "My boss makes me nervous.",
    "Should I stay friends with my ex?", "I cannot sleep because I worry too much.",
    "How do I ask someone out?", "I had a wonderful day today!", "My dog died and I miss him.",
    "What makes a good marriage?", "I am proud of my daughter.", "Cheer me up a little.",
    "How can I become more patient with my kids?",
  ]
  static let leisure = [
    "Recommend a good movie for tonight.", "Play some relaxing music.",
    "That film was a boring mess with wooden acting.", "A warm, charming and beautifully shot story.",
    "Which book should I read next?", "Teach me a simple guitar song.", "What is a fun game for a party?",
    "The novel drags in the middle but ends well.", "How do I start jogging?",
    "Suggest a hobby I can do with my hands.", "Help me choose a costume for the carnival.",
    "The concert last night was unforgettable.",
  ]
  static let health = [
    "My back hurts after sitting all day.", "How can I stop biting my nails?",
    "What helps against a sore throat?", "Is coffee bad for me?", "Give me a gentle morning stretch routine.",
    "I want to lose some weight before summer.", "Should I see a doctor about this rash?",
    "How much sleep do teenagers need?", "Tips for healthy skin in winter?", "I have a headache.",
  ]
  static let shopping = [
    "Which running shoes are good for flat feet?", "Find a present for my grandmother.",
    "Where is my package?", "I would like to return these trousers.", "Cancel my subscription.",
    "Is this jacket available in blue?", "Pay my electricity bill from my savings account.",
    "Transfer money to my landlord.", "My credit card was stolen.", "What is my account balance?",
    "Help me pick a birthday gift for a teenager.", "Freeze my bank card, please.",
  ]
  static let work = [
    "Schedule a meeting with Anna on Monday.", "How do I ask for a raise?",
    "What should I wear to an interview?", "I want to quit my job.", "Move my dentist appointment.",
    "How do I deal with a rude colleague?", "Do I have anything on my calendar today?",
    "How many vacation days do I have left?", "Give me tips for a good presentation.",
    "Is it a good time to buy a house?",
  ]
  static let devices = [
    "My phone battery drains too fast.", "Turn up the volume.", "How do I take better photos at night?",
    "Which laptop should I buy for college?", "Call mum on speaker.", "The wifi is slow in my room.",
    "Read my new messages to me.", "Set a timer.", "Navigate home.", "Lower the brightness of the screen.",
  ]
  static let writing = [
    "Write a poem about autumn leaves.", "Write a polite email to my landlord.",
    "Make up a bedtime story about a dragon.", "Write a toast for my brother's wedding.",
    "Think of a name for my cat.", "Help me with a slogan for a bakery.",
    "Rewrite this sentence so that it sounds friendlier.", "Describe a sunset by the sea.",
    "Write a short letter of thanks to my teacher.", "Give me a caption for a holiday photo.",
    "How do you say thank you in Korean?", "Translate good luck into Italian.",
  ]
  static let languages = [
    "Buenos días, ¿cómo estás?", "¿Dónde está la estación de tren?", "Me gusta mucho la música.",
    "Bonjour, comment ça va ?", "Où puis-je acheter du pain ?", "Je suis très fatigué aujourd'hui.",
    "Guten Tag, wie geht es dir?", "Kannst du mir ein gutes Restaurant empfehlen?", "Ich habe keine Lust.",
    "Ciao, che bella giornata!", "Dove possiamo mangiare una pizza?", "Bom dia, tudo bem?",
    "Quero viajar para a praia.", "Hoe gaat het met je?", "Hej, hur mår du?", "Dzień dobry, co słychać?",
    "Привет, как дела?", "Какая сегодня погода?", "你好，你今天好吗？", "我想去公园散步。", "こんにちは、お元気ですか。",
    "今日は何を食べましょうか。", "안녕하세요, 잘 지내세요?", "مرحبا، كيف حالك؟", "नमस्ते, आप कैसे हैं?", "Merhaba, nasılsın?",
  ]
}
