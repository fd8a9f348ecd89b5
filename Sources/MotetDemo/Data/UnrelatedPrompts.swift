/// Everyday prompts that belong to none of the three domains: what a router should answer with the base.
///
/// The two lists share no prompt; the held-out one also has subjects that the other lacks.
enum UnrelatedPrompts {
  static let training: [String] = lines(
    """
    Write a short poem about autumn leaves.
    Tell me something interesting about penguins.
    How do I keep my houseplants alive in winter?
    Suggest a name for a small bakery.
    What should I pack for a weekend at the sea?
    Explain why the sky looks blue.
    Give me a recipe for tomato soup.
    Write a birthday message for my grandmother.
    What are good habits for falling asleep?
    Describe a sunrise in the mountains.
    How can I make new friends in a big city?
    Recommend a book for a long train ride.
    Translate good morning into French.
    What is the history of tea?
    Write an apology to a neighbor for loud music.
    How do bees make honey?
    Tell me a bedtime story about a dragon.
    What makes a good leader?
    How do I remove a coffee stain from a shirt?
    Give me three ideas for a rainy afternoon.
    What is jazz?
    Write a polite reply that declines an invitation.
    How does a rainbow form?
    Describe the taste of a ripe mango.
    What is the capital of Portugal?
    How should I greet people in Japan?
    Write a slogan for a bicycle shop.
    What do owls eat?
    Give me tips for a job interview.
    Why do cats purr?
    Tell me a joke about elephants.
    How do I brew good coffee?
    What was life like in a medieval town?
    Write a thank-you note to a teacher.
    How do volcanoes erupt?
    What are the colors of the Italian flag?
    Suggest a gentle morning exercise.
    Write a haiku about snow.
    How can I calm down before a speech?
    What is the difference between a frog and a toad?
    Describe an old library.
    How do I train a puppy to sit?
    What is a good present for a gardener?
    Tell me about the Great Wall of China.
    Write the opening of a detective novel.
    How do ships float?
    What can I cook with leftover rice?
    Explain the rules of chess to a child in a few words.
    Why do leaves fall in autumn?
    Write a short letter to a pen friend.
    What is mindfulness?
    How do I choose a ripe avocado?
    Describe your ideal holiday.
    What instruments are in an orchestra?
    How do I fold a paper boat?
    Tell me about the moons of Jupiter.
    Write a toast for a wedding.
    What are the benefits of walking?
    How do glaciers move?
    Give advice to someone who has moved abroad.
    What does a botanist do?
    Write a few lines about the first day of school.
    How do I keep bread fresh?
    What is a proverb about patience?
    Describe a busy market.
    Why is the ocean salty?
    How do I start a vegetable garden?
    Tell me about Marie Curie.
    Write a message to cheer up a sick friend.
    What is the meaning of the word serendipity?
    How do whales communicate?
    Suggest a theme for a costume party.
    What is impressionism in painting?
    Write a dialogue between a cat and a mouse.
    How do I care for leather shoes?
    What are typical dishes of Mexico?
    Describe the sound of rain on a roof.
    How do vaccines protect people?
    What is a leap year?
    Write a review of a cozy restaurant.
    How do I get over a cold?
    Tell me about the city of Venice.
    What is the best way to learn a language?
    Write a farewell message to a colleague.
    How do spiders spin webs?
    What should I say to a shy child?
    Describe a thunderstorm.
    What is the role of a judge?
    How do I make pancakes fluffy?
    Give me a motto for a hiking club.
    Why do we dream?
    Write a fairy tale about a lost star.
    What is recycling good for?
    How do I write a good cover letter?
    Tell me about camels.
    What is a sonnet?
    How do I wrap a present neatly?
    Describe the smell of a pine forest.
    What are the seasons like in Norway?
    How did people send messages before the telephone?
    Write a caption for a photo of a sleeping dog.
    What is a healthy breakfast?
    How do I deal with a noisy neighbor?
    What is the legend of King Arthur?
    Explain what a museum curator does.
    Write a complaint to a hotel about a cold room.
    What is the tallest animal on land?
    How can I save water at home?
    Tell me how glass is made.
    What music fits a quiet dinner?
    """)

  static let heldOut: [String] = lines(
    """
    Compose a lullaby for a baby.
    What is it like to live on an island?
    How do I polish silver?
    Share a fun fact about octopuses.
    Write an invitation to a garden party.
    Why do geese fly south?
    What does a conductor do in front of an orchestra?
    Tell me about the desert at night.
    How can I be more patient?
    Draft a short speech for a retirement.
    Which language is spoken in Brazil?
    How is cheese made?
    Describe a foggy harbor.
    What is the story of the Trojan horse?
    How do I sharpen a kitchen knife?
    Write a limerick about a sailor.
    What helps against hiccups?
    Tell me about the life of a beekeeper.
    How should I behave at a funeral?
    What is origami?
    Suggest a nickname for a fast turtle.
    How do earthquakes happen?
    Write a postcard from Paris.
    What makes people laugh?
    How do I bake an apple pie?
    Who was Cleopatra?
    Describe the perfect cup of tea.
    What is a good hobby for the evening?
    How do fireflies glow?
    Write a motivational line for a marathon runner.
    What is the purpose of a lighthouse?
    How do I iron a shirt?
    Tell me about northern lights.
    What is a fable?
    How do I say goodbye in Spanish?
    Describe a snowy village.
    What do pandas like to eat?
    Give me a tip for better photographs.
    Why is sleep important?
    Write a story about a brave snail.
    How do I tune a guitar?
    What was the Renaissance?
    Tell me how to keep a diary.
    What is the nicest thing about spring?
    How are pearls formed?
    Write a friendly reminder to a roommate about the dishes.
    What is folk music?
    How do I plan a picnic?
    Describe a very old tree.
    What is the difference between weather and climate?
    """)

  private static func lines(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init)
  }
}
