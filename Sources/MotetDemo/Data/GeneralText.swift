/// Plain text of no domain, to see whether the base's general knowledge is kept (its NLL, in nats).
enum GeneralText {
  static let paragraphs: [String] = """
    The old harbor wakes before the town does. Fishermen untie their boats while the lamps are still lit, and the gulls follow them out past the breakwater, hoping for an early meal.
    A good soup begins with patience. Let the onions soften slowly in butter until they are sweet, then add the vegetables one after the other, and only at the end the salt.
    The Roman roads were built in layers of stone and gravel, slightly raised in the middle so that rain would run off to the sides. Some of them are still in use today.
    Tomorrow will be cloudy in the north with light rain near the coast. In the south the sun returns in the afternoon, and the wind will turn to the west.
    Dear Margaret, thank you for your kind letter and for the photographs of the garden. The roses look wonderful, and I can hardly believe how tall the apple tree has grown.
    Owls hunt at night because their prey is awake then. Their feathers are so soft that they make almost no sound, and their ears can find a mouse under the snow.
    In the nineteenth century the railway changed how people thought about distance. A journey that had taken a week could suddenly be made between breakfast and dinner.
    The violin is held under the chin and played with a bow of horsehair. Its sound can be bright and sharp or as warm as a human voice.
    When water freezes it expands, which is why ice floats and why pipes burst in a hard winter. Without this odd habit, lakes would freeze from the bottom up.
    My grandmother kept her recipes in a tin box. Most of them were written on the backs of envelopes, in a hand so small that only she could read it.
    The market opens on Saturdays at the foot of the church. Farmers from the valley bring cheese, honey and bread, and by noon the best of it is gone.
    A forest is never silent. Leaves move, branches creak, and somewhere a woodpecker tests the bark of a dying tree for insects.
    The printing press made books cheap, and cheap books made readers. Within fifty years of its invention there were presses in hundreds of European cities.
    To plant a tree, dig a hole twice as wide as the roots and no deeper. Fill it with loose soil, water it well, and tie the trunk to a stake.
    The museum was almost empty that morning. A guard sat on a chair by the window, and the portraits looked past him toward the river.
    Bread dough needs time and warmth. Cover it with a cloth, leave it near the stove, and come back when it has grown to fill the bowl.
    The moon pulls on the oceans and raises the tides. Where the coast is narrow the water can rise by many meters within a few hours.
    He had never liked the city in summer. The streets smelled of dust and hot stone, and even at midnight the windows stood open for a breath of air.
    Tea came to Europe by ship and was at first a luxury for the rich. Later it was drunk in every kitchen, with milk or lemon, at any time of the day.
    Camels can live without water for many days. Their humps store fat, not water, and their long lashes protect their eyes against the blowing sand.
    The committee met on Monday to discuss the new playground. After a long debate it was agreed to keep the old trees and to add benches in the shade.
    A lighthouse was lonely work. The keeper trimmed the lamp, wrote down the weather, and watched for ships that he would never meet.
    Mountains make their own weather. Moist air rises along the slopes, cools, and falls as rain on one side while the other stays dry.
    She learned to swim in a cold lake, holding on to her father's arm. By the end of the summer she could reach the far shore without resting.
    The theater was founded by a group of friends who had more courage than money. Their first stage was a barn, and the audience sat on bales of straw.
    Honey never spoils if it is kept dry. Pots of it have been found in ancient tombs, still good to eat after thousands of years.
    The train to the coast leaves from the second platform. Passengers with bicycles are asked to use the last carriage.
    In spring the storks return to the village and repair their nests on the chimneys. People say that they bring luck to the house they choose.
    A carpenter chooses wood by its grain. Oak is strong and heavy, pine is light and easy to work, and cherry darkens beautifully with age.
    The treaty ended a war that had lasted for thirty years. Whole regions had been emptied of people, and it took generations for the fields to recover.
    We regret to inform you that the concert has been moved to the following week because the singer is ill. Tickets remain valid, and refunds are possible at the box office.
    Snow had fallen all night, and the road to the school was gone. The children watched from the window, hoping that nobody would find it again.
    The heart pumps blood through the body without rest. During exercise it beats faster, so that the muscles receive the oxygen they need.
    Wine, olives and wheat were the three crops of the ancient Mediterranean. Around them grew trade, cities, and a good part of its poetry.
    The café on the corner changed hands last year, but the chairs, the menu and the grumpy waiter have stayed the same.
    Coral reefs are built by tiny animals over thousands of years. They shelter a quarter of all the fish in the sea, though they cover only a small part of its floor.
    The first snowdrops appear in February, often while there is still ice on the pond. They are small, white, and tougher than they look.
    He wrote every morning from six to nine, before the house was awake, and crossed out most of it in the afternoon.
    Languages borrow words from one another all the time. Many English words for food came from French, while words for the sea often came from Dutch.
    The river floods its banks every few years, and the farmers have learned to build their houses on the higher ground. What the water takes, it pays back in rich soil.
    Silk was made in China long before anyone in the West knew how. The secret of the worms and the mulberry leaves was guarded for centuries.
    A letter of recommendation should be short and honest. Say how you know the person, what they did well, and why you would gladly work with them again.
    The desert is cold at night because nothing holds the warmth of the day. Travelers wrap themselves in blankets and sit close to the fire, watching the stars.
    Our flight was delayed by fog, so we spent the morning drinking coffee and guessing the stories of the people around us.
    """.split(separator: "\n").map(String.init)
}
