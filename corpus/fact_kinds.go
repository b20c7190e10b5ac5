package corpus

// A factKind is a kind of fact: what is said about each subject, and how it
// is asked. Frames know {who}, the subject, and {value}; about people also
// {he}, {him} and {his}; about their things {name} and {thing}.
type factKind struct {
	name    string
	about   list      // what the facts are about; empty: people
	subject frame     // how {about} is called; empty: as it is
	owned   list      // things of the people, which are what the facts are about
	values  list      // what can be said; empty: people, or numbers
	numbers [2]int    // the least and the greatest number
	digits  bool      // numbers of 3 to 5 digits, 4 of them as a rule
	marked  bool      // the sentences stand out: needles
	says    frameList // statements
	asks    frameList // questions about one subject
	all     frameList // questions for all values of one subject; none: a subject has one value
	each    frameList // questions about several subjects
	answer  frame     // how one value is answered; empty: as it is
	item    frame     // how a value is put in the answer about several subjects; empty: like answer
}

// Words of several kinds of facts.
var (
	factRooms   = words(`barn, kitchen, cellar, attic, garden, school, library, workshop, tower, office, stable, mill, hut, cave, shop, bakery, church, inn | lighthouse, chapel`)
	factHouses  = words(`barn, school, library, workshop, tower, office, stable, mill, hut, shop, bakery, church, inn, station, theater, museum, castle, farm | lighthouse, chapel`)
	factPlants  = words(`roses, tulips, lilies, beans, peas, onions, pumpkins, herbs, tomatoes, melons, berries, corn, carrots, potatoes, grapes, sunflowers | radishes, poppies`)
	factLessons = words(`history, music, reading, writing, art, math, cooking, spelling, science, drawing, singing, dancing, sewing, swimming, Latin, French | Greek, chess`)
	factFears   = words(`dogs, mice, spiders, storms, thunder, snakes, wolves, bees, ghosts, fire, rats, bulls, bears, lightning, deep water, giants | wasps, bats`)
	factMade    = words(`table, boat, bench, bed, chest, fence, shelf, wagon, sled, door, ladder, box, bridge, hut, stool, wheel | raft, cradle`)
	factDays    = words(`Monday morning, Monday evening, Tuesday morning, Tuesday evening, Wednesday morning, Wednesday evening, Thursday morning, Thursday evening,
		Friday morning, Friday evening, Saturday morning, Saturday evening, Sunday morning, Sunday evening`)
	factMeals = words(`lunch on Monday, dinner on Monday, lunch on Tuesday, dinner on Tuesday, lunch on Wednesday, dinner on Wednesday, lunch on Thursday, dinner on Thursday,
		lunch on Friday, dinner on Friday, lunch on Saturday, dinner on Saturday, lunch on Sunday, dinner on Sunday`)
	factMonths = words(`January, February, March, April, May, June, July, August, September, October, November, December`)
	factHours  = words(`5:00, 5:10, 5:20, 5:30, 5:40, 5:50, 6:00, 6:10, 6:20, 6:30, 6:40, 6:50, 7:00, 7:10, 7:20, 7:30, 7:40, 7:50, 8:00, 8:10, 8:20, 8:30`)
	factBoats  = words(`Swallow, Dolphin, Pearl, Sunrise, Mermaid, Seagull, Wanderer, Good Hope, Morning Star, Blue Wave, Victory, Liberty, Comet, White Swan | Albatross, Tempest`)
	factShops  = words(`flower, toy, book, shoe, hat, fish, tea, candy, music, clock, cheese, paint, lamp, coat, bread, meat | perfume, wool`)
)

// plainKinds are the facts of everyday life.
var plainKinds = []*factKind{
	{
		name:   "job",
		values: words(`baker, farmer, teacher, doctor, painter, singer, sailor, miller, tailor, gardener, cook, driver, nurse, writer, smith, judge, guard, hunter, fisher, pilot | dentist, carpenter`),
		says: frames(`
			{Who} is {a value}.
			{Who} works as {a value}.
			{Who} has worked as {a value} for many years.
			As {a value}, {who} works hard all week.
			|
			{Who} earns money as {a value}.`),
		asks: frames(`
			What is the job of {who}?
			What does {who} work as?
			What is {who}'s job?
			|
			What does {who} do for a living?`),
		each:   frames(`What are the jobs of {who}, in this order?`),
		answer: "{a value}",
		item:   "{value}",
	},
	{
		name:   "color",
		values: colors,
		says: frames(`
			{Who} likes {value} best of all colors.
			{Who}'s favorite color is {value}.
			{Value} is the color that {who} likes best.
			Of all colors, {who} likes {value} the most.
			|
			{Who} finds {value} the prettiest color.`),
		asks: frames(`
			Which color does {who} like best?
			What is {who}'s favorite color?
			What is the favorite color of {who}?
			|
			Of all colors, which one does {who} like best?`),
		each: frames(`Which colors do {who} like best, in this order?`),
	},
	{
		name:   "food",
		values: foods,
		says: frames(`
			{Who} likes {value} more than any other food.
			{Who}'s favorite food: {value}.
			{Who} likes to eat {value} best of all.
			Nothing tastes better to {who} than {value}.
			|
			If {who} could choose, there would be {value} every day.`),
		asks: frames(`
			Which food does {who} like best?
			What is {who}'s favorite food?
			What does {who} like to eat best?`),
		each: frames(`Which food do {who} like best, in this order?`),
	},
	{
		name:   "pet",
		values: animals,
		says: frames(`
			{Who} has {a value} at home.
			{Who} has {a value} as a pet.
			{Who} keeps {a value} as a pet.
			There is {a value} that belongs to {who}.
			|
			{Who} feeds {his} {value} every morning.`),
		asks: frames(`
			What pet does {who} have?
			Which animal does {who} have?
			Which animal belongs to {who}?
			|
			What animal is the pet of {who}?`),
		all:    frames(`Which pets does {who} have, in the order of the text?`),
		each:   frames(`Which pets do {who} have, in this order?`),
		answer: "{a value}",
	},
	{
		name:    "animal name",
		about:   animals,
		subject: "the {about}",
		values:  words(`Biscuit, Pepper, Shadow, Lucky, Ginger, Snowball, Patch, Star, Cloud, Rusty, Sunny, Smoky, Bandit, Cookie, Teddy, Spot | Pickle, Domino`),
		says: frames(`
			{Who} is called {value}.
			{Who} has the name {value}.
			{Who} comes when you call it {value}.
			{Value} is the name of {who}.
			|
			Everybody calls {who} {value}.`),
		asks: frames(`
			What is the name of {who}?
			What is {who} called?
			Which name does {who} have?`),
		each: frames(`What are the names of {who}, in this order?`),
	},
	{
		name:   "home",
		values: towns,
		says: frames(`
			{Who} lives in {value}.
			{Who}'s home is in {value}.
			{Who} has a small house in {value}.
			{Value} is the town where {who} lives.
			|
			{Who} moved to {value} and lives there now.`),
		asks: frames(`
			In which town does {who} live?
			In which town is {who}'s home?
			In which town does {who} have a home?
			|
			In which town is {who} at home?`),
		each:   frames(`In which towns do {who} live, in this order?`),
		answer: "in {value}",
		item:   "{value}",
	},
	{
		name:   "birth town",
		values: towns,
		says: frames(`
			{Who} was born in {value}.
			{Who} came into the world in {value}.
			{Who} was a baby in {value}, where {he} was born.
			{Value} is the town where {who} was born.
			|
			Long ago, {who} was born in the town of {value}.`),
		asks: frames(`
			In which town was {who} born?
			In which town did {who} come into the world?
			Where was {who} born?`),
		each:   frames(`In which towns were {who} born, in this order?`),
		answer: "in {value}",
		item:   "{value}",
	},
	{
		name:    "keeping",
		owned:   things,
		subject: "{name}'s {thing}",
		values:  factRooms,
		says: frames(`
			{Name} keeps {his} {thing} in the {value}.
			{Name}'s {thing} is in the {value}.
			{Name} always has {his} {thing} in the {value}.
			In the {value} you can find {name}'s {thing}.
			|
			{Name} put {his} {thing} in the {value} to keep it safe.`),
		asks: frames(`
			Where does {name} keep {his} {thing}?
			Where is {name}'s {thing}?
			Where is the {thing} of {name}?
			|
			Where can you find {name}'s {thing}?`),
		each:   frames(`Where are {who}, in this order?`),
		answer: "in the {value}",
	},
	{
		name:   "loss",
		values: things,
		says: frames(`
			{Who} lost {a value}.
			{Who} has lost {a value} somewhere.
			{Who} lost {a value} on the way home.
			It was {a value} that {who} lost.
			|
			{Who} looked for {a value} that was lost.`),
		asks: frames(`
			What did {who} lose?
			Which thing did {who} lose?
			What has {who} lost?
			|
			Which thing was lost by {who}?`),
		all:    frames(`What did {who} lose, in the order of the text?`),
		each:   frames(`What did {who} lose, in this order?`),
		answer: "{a value}",
	},
	{
		name:   "purchase",
		values: things,
		says: frames(`
			{Who} bought {a value}.
			{Who} bought {a value} at the market.
			{Who} paid for {a value} and took it home.
			It was {a value} that {who} bought.
			|
			{Who} spent some money on {a value}.`),
		asks: frames(`
			What did {who} buy?
			Which thing did {who} buy?
			What has {who} bought?
			|
			What did {who} pay for?`),
		all: frames(`
			What did {who} buy, in the order of the text?
			Which things did {who} buy, in the order of the text?`),
		each:   frames(`What did {who} buy, in this order?`),
		answer: "{a value}",
	},
	{
		name:   "wish",
		values: things,
		says: frames(`
			{Who} wishes for {a value}.
			{Who} would like to have {a value}.
			{Who} wants {a value} more than anything else.
			It is {a value} that {who} wishes for.
			|
			{Who} hopes to get {a value} one day.`),
		asks: frames(`
			What does {who} wish for?
			What does {who} want?
			What would {who} like to have?`),
		each:   frames(`What do {who} wish for, in this order?`),
		answer: "{a value}",
	},
	{
		name:   "fear",
		values: factFears,
		says: frames(`
			{Who} is afraid of {value}.
			{Who} fears {value}.
			{Who} has always been afraid of {value}.
			It is {value} that {who} is afraid of.
			|
			{Who} runs away from {value}.`),
		asks: frames(`
			What is {who} afraid of?
			What does {who} fear?
			What has {who} always been afraid of?`),
		all:  frames(`What is {who} afraid of, in the order of the text?`),
		each: frames(`What are {who} afraid of, in this order?`),
	},
	{
		name:    "age",
		numbers: [2]int{5, 80},
		says: frames(`
			{Who} is {value} years old.
			{Who} turned {value} this year.
			{Who} has the age of {value}.
			At the age of {value}, {who} is still strong and healthy.
			|
			{Who} has lived for {value} years.`),
		asks: frames(`
			How old is {who}?
			What is {who}'s age?
			What is the age of {who}?
			|
			How many years has {who} lived?`),
		each: frames(`How old are {who}, in this order?`),
	},
	{
		name:    "cousins",
		numbers: [2]int{2, 30},
		says: frames(`
			{Who} has {value} cousins.
			{Who} told me about {his} {value} cousins.
			{Who} counted {his} cousins: {value}.
			There are {value} cousins in the family of {who}.
			|
			{Who} plays with all of {his} {value} cousins.`),
		asks: frames(`
			How many cousins does {who} have?
			What is the number of {who}'s cousins?
			How many cousins are there in {who}'s family?`),
		each: frames(`How many cousins do {who} have, in this order?`),
	},
	{
		name:    "books",
		numbers: [2]int{11, 99},
		says: frames(`
			{Who} owns {value} books.
			{Who} has {value} books on the shelf.
			{Who} has {value} books at home.
			There are {value} books in the room of {who}.
			|
			{Who} counted {value} books on {his} shelf.`),
		asks: frames(`
			How many books does {who} own?
			How many books does {who} have?
			What is the number of {who}'s books?`),
		each: frames(`How many books do {who} own, in this order?`),
	},
	{
		name:   "birthday",
		values: dates(),
		says: frames(`
			{Who}'s birthday is on {value}.
			{Who} has {his} birthday on {value}.
			{Who} has a party on {value}, on {his} birthday.
			On {value}, it is {who}'s birthday.
			|
			{Who} eats birthday cake on {value}.`),
		asks: frames(`
			When is {who}'s birthday?
			On which day is {who}'s birthday?
			When is the birthday of {who}?`),
		each:   frames(`When are the birthdays of {who}, in this order?`),
		answer: "on {value}",
		item:   "{value}",
	},
	{
		name:   "travel",
		values: factMonths,
		says: frames(`
			{Who} will travel in {value}.
			{Who} plans a long journey in {value}.
			{Who} goes on a journey every {value}.
			{Value} is the month in which {who} will travel.
			|
			{Who} will leave in {value} for a long journey.`),
		asks: frames(`
			In which month will {who} travel?
			In which month does {who} travel?
			In which month will {who} go on a journey?`),
		each:   frames(`In which months will {who} travel, in this order?`),
		answer: "in {value}",
		item:   "{value}",
	},
	{
		name:   "morning hour",
		values: factHours,
		says: frames(`
			{Who} gets up at {value}.
			{Who} gets out of bed at {value}.
			{Who} gets up every morning at {value}.
			At {value}, {who} gets up.
			|
			{Who} sleeps until {value} and then gets up.`),
		asks: frames(`
			When does {who} get up?
			At which hour does {who} get up?
			When does {who} get out of bed?`),
		each:   frames(`When do {who} get up, in this order?`),
		answer: "at {value}",
		item:   "{value}",
	},
	{
		name:   "instrument",
		values: words(`piano, violin, flute, drum, guitar, trumpet, harp, horn, organ, cello, banjo, bass, whistle, pipe | fiddle, lute`),
		says: frames(`
			{Who} plays the {value}.
			{Who} plays the {value} every evening.
			{Who} can play the {value}.
			The {value} is what {who} plays.
			|
			{Who} makes music on the {value}.`),
		asks: frames(`
			Which instrument does {who} play?
			What instrument does {who} play?
			On which instrument does {who} make music?`),
		each:   frames(`Which instruments do {who} play, in this order?`),
		answer: "the {value}",
		item:   "{value}",
	},
	{
		name:   "sport",
		values: words(`running, swimming, rowing, skating, tennis, football, boxing, riding, sailing, climbing, skiing, dancing, hockey, golf, jumping | fencing, diving`),
		says: frames(`
			{Who}'s favorite sport is {value}.
			{Who} likes {value} best of all sports.
			{Who} spends every free hour on {value}.
			Of all sports, {who} likes {value} the most.
			|
			{Who} won a prize in {value}, {his} favorite sport.`),
		asks: frames(`
			Which sport does {who} like best?
			What is {who}'s favorite sport?
			What is the favorite sport of {who}?`),
		each: frames(`Which sports do {who} like best, in this order?`),
	},
	{
		name:   "drink",
		values: words(`milk, tea, coffee, water, lemonade, juice, cocoa, cider, beer, wine, soda, punch, cream, broth | syrup, mead`),
		says: frames(`
			{Who} drinks {value} every day.
			{Who} likes to drink {value}.
			{Who} always asks for a cup of {value}.
			A cup of {value} is what {who} likes to drink.
			|
			{Who} never drinks anything but {value}.`),
		asks: frames(`
			What does {who} drink?
			What does {who} like to drink?
			Which drink does {who} like?`),
		each: frames(`What do {who} drink, in this order?`),
	},
	{
		name: "letter",
		says: frames(`
			{Who} wrote a letter to {value}.
			{Who} sent a letter to {value}.
			{Who} wrote to {value} last week.
			There was a letter from {who} to {value}.
			|
			It was {value} to whom {who} wrote a letter.`),
		asks: frames(`
			To whom did {who} write?
			To whom did {who} write a letter?
			To whom did {who} send a letter?`),
		each:   frames(`To whom did {who} write, in this order?`),
		answer: "to {value}",
		item:   "{value}",
	},
	{
		name: "teacher",
		says: frames(`
			{Who} learned to read from {value}.
			{Who} was taught to read by {value}.
			{Who} had {value} as a teacher.
			{Value} taught {who} to read.
			|
			{Value} was the teacher who helped {who} to read.`),
		asks: frames(`
			Who taught {who} to read?
			From whom did {who} learn to read?
			Who was {who}'s teacher?`),
		each: frames(`Who taught {who} to read, in this order?`),
	},
	{
		name: "gift",
		says: frames(`
			{Who} got a gift from {value}.
			{Who} was given a gift by {value}.
			{Who} thanked {value} for the gift.
			{Value} gave {who} a gift.
			|
			{Value} came to {who} with a gift.`),
		asks: frames(`
			Who gave {who} a gift?
			From whom did {who} get a gift?
			From whom is {who}'s gift?`),
		each: frames(`Who gave gifts to {who}, in this order?`),
	},
	{
		name:   "breakfast",
		values: foods,
		says: frames(`
			{Who} had {value} for breakfast.
			{Who} ate {value} in the morning.
			{Who} ate some {value} for breakfast.
			There was {value} for {who}'s breakfast.
			|
			In the morning, {who} sat down and ate {value}.`),
		asks: frames(`
			What did {who} have for breakfast?
			What did {who} eat for breakfast?
			What did {who} eat in the morning?`),
		each: frames(`What did {who} have for breakfast, in this order?`),
	},
	{
		name:    "room number",
		numbers: [2]int{1, 99},
		says: frames(`
			{Who} sleeps in room {value} of the inn.
			{Who} stays in room {value}.
			{Who} took room {value} at the inn.
			Room {value} of the inn is {who}'s room.
			|
			{Who} got the key to room {value}.`),
		asks: frames(`
			In which room does {who} stay?
			What is the number of {who}'s room?
			Which room is {who}'s room?`),
		each: frames(`What are the room numbers of {who}, in this order?`),
	},
	{
		name:    "house number",
		numbers: [2]int{1, 199},
		says: frames(`
			{Who}'s house has the number {value}.
			{Who} lives in house number {value}.
			{Who} wrote the number {value} on {his} house.
			The number {value} is on the house of {who}.
			|
			{Who} opens the door of house number {value}, {his} home.`),
		asks: frames(`
			What is the number of {who}'s house?
			Which number does {who}'s house have?
			In which house number does {who} live?`),
		each: frames(`What are the house numbers of {who}, in this order?`),
	},
	{
		name:   "vehicle",
		values: words(`bus, train, boat, bike, car, truck, wagon, sled, ferry, plane, ship, balloon, tractor, coach | scooter, canoe`),
		says: frames(`
			{Who} came by {value}.
			{Who} traveled by {value}.
			{Who} always travels by {value}.
			By {value}, that is how {who} came.
			|
			{Who} came to visit us by {value}.`),
		asks: frames(`
			How did {who} come?
			How did {who} travel?
			By what did {who} come?`),
		each:   frames(`How did {who} come, in this order?`),
		answer: "by {value}",
	},
	{
		name:   "lesson",
		values: factLessons,
		says: frames(`
			{Who} learns {value} at school.
			{Who} has a lesson in {value}.
			{Who} takes lessons in {value}.
			The lesson of {who} is {value}.
			|
			{Who} studies {value} every week.`),
		asks: frames(`
			What does {who} learn at school?
			What is the lesson of {who}?
			In what does {who} take lessons?`),
		all:  frames(`What does {who} learn at school, in the order of the text?`),
		each: frames(`What do {who} learn at school, in this order?`),
	},
	{
		name:   "dream",
		values: animals,
		says: frames(`
			{Who} dreamed of {a value}.
			{Who} had a dream about {a value}.
			{Who} saw {a value} in a dream.
			It was {a value} that {who} dreamed of.
			|
			In a dream, {a value} came to {who}.`),
		asks: frames(`
			What did {who} dream of?
			Which animal did {who} dream of?
			Which animal did {who} see in a dream?`),
		all:    frames(`Which animals did {who} dream of, in the order of the text?`),
		each:   frames(`Which animals did {who} dream of, in this order?`),
		answer: "{a value}",
	},
	{
		name:   "plant",
		values: factPlants,
		says: frames(`
			{Who} planted {value}.
			{Who} grows {value} behind the house.
			{Who} has planted {value} this year.
			It was {value} that {who} planted.
			|
			{Who} put water on the {value} that {he} had planted.`),
		asks: frames(`
			What did {who} plant?
			What does {who} grow?
			What has {who} planted?`),
		all:  frames(`What did {who} plant, in the order of the text?`),
		each: frames(`What did {who} plant, in this order?`),
	},
	{
		name:   "work",
		values: factMade,
		says: frames(`
			{Who} made {a value}.
			{Who} made {a value} out of wood.
			{Who} built {a value} all alone.
			It was {a value} that {who} built.
			|
			{Who} used {his} tools and built {a value}.`),
		asks: frames(`
			What did {who} build?
			What did {who} make?
			What did {who} make out of wood?`),
		all:    frames(`What did {who} build, in the order of the text?`),
		each:   frames(`What did {who} build, in this order?`),
		answer: "{a value}",
	},
	{
		name:   "visit",
		values: places,
		says: frames(`
			{Who} visited the {value}.
			{Who} went to see the {value}.
			{Who} paid a visit to the {value}.
			It was the {value} that {who} visited.
			|
			{Who} took a day off and visited the {value}.`),
		asks: frames(`
			What did {who} visit?
			Which place did {who} visit?
			Which place did {who} go to see?`),
		all:    frames(`Which places did {who} visit, in the order of the text?`),
		each:   frames(`Which places did {who} visit, in this order?`),
		answer: "the {value}",
	},
	{
		name:   "damage",
		values: things,
		says: frames(`
			{Who} broke {a value}.
			{Who} has broken {a value}.
			{Who} broke {a value} by accident.
			It was {a value} that {who} broke.
			|
			{Who} dropped {a value} and broke it.`),
		asks: frames(`
			What did {who} break?
			Which thing did {who} break?
			What has {who} broken?`),
		all:    frames(`What did {who} break, in the order of the text?`),
		each:   frames(`What did {who} break, in this order?`),
		answer: "{a value}",
	},
	{
		name:   "house color",
		values: colors,
		says: frames(`
			{Who}'s house is {value}.
			{Who} painted {his} house {value}.
			{Who} lives in {a value} house.
			{Value} is the color of {who}'s house.
			|
			Everybody knows the {value} house of {who}.`),
		asks: frames(`
			What color is {who}'s house?
			What is the color of {who}'s house?
			Which color does the house of {who} have?`),
		each: frames(`What are the colors of the houses of {who}, in this order?`),
	},
	{
		name:   "hat color",
		values: colors,
		says: frames(`
			{Who}'s hat is {value}.
			{Who} wears {a value} hat.
			{Who} always wears {a value} hat.
			{Value} is the color of {who}'s hat.
			|
			You know {who} by {his} {value} hat.`),
		asks: frames(`
			What color is {who}'s hat?
			What is the color of {who}'s hat?
			Which color does the hat of {who} have?`),
		each: frames(`What are the colors of the hats of {who}, in this order?`),
	},
	{
		name:    "row",
		numbers: [2]int{1, 40},
		says: frames(`
			{Who} sits in row {value}.
			{Who} has a seat in row {value}.
			{Who} found {his} seat in row {value}.
			In row {value} you can see {who}.
			|
			{Who} has a ticket for row {value}.`),
		asks: frames(`
			In which row does {who} sit?
			In which row is {who}'s seat?
			Which row is the row of {who}?`),
		each: frames(`In which rows do {who} sit, in this order?`),
	},
	{
		name:    "box",
		about:   colors,
		subject: "the {about} box",
		values:  things,
		says: frames(`
			{Who} holds {a value}.
			In {who} there is {a value}.
			Inside {who} lies {a value}.
			There is {a value} in {who}.
			|
			If you open {who}, you find {a value}.`),
		asks: frames(`
			What is in {who}?
			What does {who} hold?
			What lies in {who}?`),
		all:    frames(`What is in {who}, in the order of the text?`),
		each:   frames(`What is in {who}, in this order?`),
		answer: "{a value}",
	},
	{
		name:    "drawer",
		about:   numbers(1, 30),
		subject: "drawer {about}",
		values:  things,
		says: frames(`
			{Who} holds {a value}.
			In {who} there is {a value}.
			Somebody put {a value} into {who}.
			There is {a value} in {who}.
			|
			If you open {who}, you find {a value}.`),
		asks: frames(`
			What is in {who}?
			What does {who} hold?
			What lies in {who}?`),
		each:   frames(`What is in {who}, in this order?`),
		answer: "{a value}",
	},
	{
		name:    "bag",
		about:   colors,
		subject: "the {about} bag",
		values:  factPlants,
		says: frames(`
			{Who} is full of {value}.
			{Who} holds {value} for the journey.
			In {who} you find {value}.
			Somebody put {value} into {who}.
			|
			If you open {who}, you find {value}.`),
		asks: frames(`
			What is in {who}?
			What does {who} hold?
			What is {who} full of?`),
		each: frames(`What is in {who}, in this order?`),
	},
	{
		name:    "key",
		about:   colors,
		subject: "the {about} key",
		values:  factRooms,
		says: frames(`
			{Who} opens the {value}.
			{Who} is the key to the {value}.
			With {who} you can open the {value}.
			The {value} can be opened with {who}.
			|
			{Who} fits the door of the {value}.`),
		asks: frames(`
			What does {who} open?
			Which place does {who} open?
			What can you open with {who}?`),
		each:   frames(`What do {who} open, in this order?`),
		answer: "the {value}",
	},
	{
		name:    "price",
		about:   factPlants,
		subject: "a basket of {about}",
		numbers: [2]int{2, 60},
		says: frames(`
			{Who} costs {value} coins.
			{Who} is sold for {value} coins.
			You can buy {who} for {value} coins.
			For {value} coins you get {who}.
			|
			Somebody paid {value} coins for {who}.`),
		asks: frames(`
			How many coins does {who} cost?
			What is the price of {who}?
			For how many coins can you buy {who}?`),
		each: frames(`What are the prices of {who}, in this order?`),
	},
	{
		name:    "bus",
		about:   numbers(1, 40),
		subject: "bus {about}",
		values:  towns,
		says: frames(`
			{Who} goes to {value}.
			{Who} takes you to {value}.
			{Who} drives to {value} every hour.
			To get to {value}, take {who}.
			|
			{Who} ends its ride in {value}.`),
		asks: frames(`
			Where does {who} go?
			To which town does {who} go?
			To which town does {who} drive?`),
		each:   frames(`To which towns do {who} go, in this order?`),
		answer: "to {value}",
		item:   "{value}",
	},
	{
		name:    "boat",
		about:   factBoats,
		subject: "the boat {about}",
		values:  towns,
		says: frames(`
			{Who} sails to {value}.
			{Who} takes people to {value}.
			{Who} leaves for {value} today.
			To {value} you go with {who}.
			|
			{Who} brings salt and wood to {value}.`),
		asks: frames(`
			Where does {who} sail?
			To which town does {who} sail?
			To which town does {who} go?`),
		each:   frames(`To which towns do {who} sail, in this order?`),
		answer: "to {value}",
		item:   "{value}",
	},
	{
		name:    "captain",
		about:   factBoats,
		subject: "the ship {about}",
		says: frames(`
			{Who} has {value} as its captain.
			{Who} belongs to captain {value}.
			{Who} is led by {value}, its captain.
			{Value} is the captain of {who}.
			|
			Everybody on {who} listens to captain {value}.`),
		asks: frames(`
			Who is the captain of {who}?
			What is the name of the captain of {who}?
			Who leads {who}?`),
		each: frames(`Who are the captains of {who}, in this order?`),
	},
	{
		name:    "shop",
		about:   factShops,
		subject: "the {about} shop",
		says: frames(`
			{Who} belongs to {value}.
			{Who} is owned by {value}.
			In {who} you can meet its owner {value}.
			{Value} is the owner of {who}.
			|
			{Value} opened {who} and owns it.`),
		asks: frames(`
			Who owns {who}?
			Who is the owner of {who}?
			To whom does {who} belong?`),
		each: frames(`Who are the owners of {who}, in this order?`),
	},
	{
		name:    "garden",
		about:   factHouses,
		subject: "the garden behind the {about}",
		values:  factPlants,
		says: frames(`
			{Who} is full of {value}.
			In {who} you can see {value}.
			In {who}, they grow {value}.
			There are rows of {value} in {who}.
			|
			People plant {value} in {who}.`),
		asks: frames(`
			What grows in {who}?
			What do they grow in {who}?
			What is {who} full of?`),
		each: frames(`What grows in {who}, in this order?`),
	},
	{
		name:    "class",
		about:   numbers(1, 40),
		subject: "room {about} of the school",
		values:  factLessons,
		says: frames(`
			In {who} they teach {value}.
			In {who} children learn {value}.
			{Who} is the room for {value}.
			For {value}, go to {who}.
			|
			The lessons in {who} are all about {value}.`),
		asks: frames(`
			What is taught in {who}?
			What do they teach in {who}?
			What do children learn in {who}?`),
		each: frames(`What is taught in {who}, in this order?`),
	},
	{
		name:   "event",
		about:  factDays,
		values: words(`wedding, concert, race, parade, dance, contest, fair, picnic, play, sale, meeting, party, ball, game, feast, show | lottery, funeral`),
		says: frames(`
			On {who} there was {a value}.
			On {who} people came together for {a value}.
			There was {a value} on {who}.
			On {who} the town had {a value}.
			|
			Everybody remembers {a value} on {who}.`),
		asks: frames(`
			What was there on {who}?
			What took place on {who}?
			What did the town have on {who}?`),
		each:   frames(`What was there on {who}, in this order?`),
		answer: "{a value}",
	},
	{
		name:   "meal",
		about:  factMeals,
		values: foods,
		says: frames(`
			For {who} there will be {value}.
			For {who} we will eat {value}.
			We will have {value} for {who}.
			The cook will make {value} for {who}.
			|
			If you come for {who}, you will get {value}.`),
		asks: frames(`
			What will there be for {who}?
			What is there to eat for {who}?
			What will the cook make for {who}?`),
		each: frames(`What will there be for {who}, in this order?`),
	},
	{
		name:    "door color",
		about:   factHouses,
		subject: "the door of the {about}",
		values:  colors,
		says: frames(`
			{Who} is {value}.
			{Who} has been painted {value}.
			Somebody painted {who} {value}.
			{Value} is the color of {who}.
			|
			{Who} was old, and now it is {value}.`),
		asks: frames(`
			What color is {who}?
			What is the color of {who}?
			Which color does {who} have?`),
		each: frames(`What are the colors of {who}, in this order?`),
	},
	{
		name:    "find",
		about:   places,
		subject: "near the {about}",
		values:  things,
		says: frames(`
			{Who}, somebody found {a value}.
			{Who} there was {a value} on the ground.
			Somebody found {a value} {who}.
			{A value} was found {who}.
			|
			{Who}, the children saw {a value} and picked it up.`),
		asks: frames(`
			What was found {who}?
			What did somebody find {who}?
			Which thing was found {who}?`),
		all:    frames(`What was found {who}, in the order of the text?`),
		answer: "{a value}",
	},
	{
		name:    "weight",
		about:   animals,
		subject: "the {about}",
		numbers: [2]int{2, 99},
		says: frames(`
			{Who} weighs {value} pounds.
			{Who} has a weight of {value} pounds.
			{Who} now weighs {value} pounds.
			The weight of {who} is {value} pounds.
			|
			It takes {value} pounds to be as heavy as {who}.`),
		asks: frames(`
			How many pounds does {who} weigh?
			What is the weight of {who} in pounds?
			How much does {who} weigh?`),
		each: frames(`How many pounds do {who} weigh, in this order?`),
	},
	{
		name:    "distance",
		about:   towns,
		numbers: [2]int{3, 99},
		says: frames(`
			{Who} is {value} miles away.
			{Who} lies {value} miles from here.
			To {who} it is {value} miles.
			It is {value} miles to {who}.
			|
			After {value} miles on the road you reach {who}.`),
		asks: frames(`
			How many miles is it to {who}?
			How many miles away is {who}?
			How far is {who} in miles?`),
		each: frames(`How many miles is it to {who}, in this order?`),
	},
	{
		name:    "shelter",
		about:   animals,
		subject: "the {about}",
		values:  factHouses,
		says: frames(`
			{Who} sleeps behind the {value}.
			{Who} spends the night behind the {value}.
			{Who} always lies down behind the {value}.
			Behind the {value} is where {who} sleeps.
			|
			{Who} has its bed behind the {value}.`),
		asks: frames(`
			Where does {who} sleep?
			Where does {who} spend the night?
			Where does {who} lie down?
			|
			Where is {who} at night?`),
		each:   frames(`Where do {who} sleep, in this order?`),
		answer: "behind the {value}",
	},
	{
		name:    "path",
		about:   colors,
		subject: "the {about} path",
		values:  places,
		says: frames(`
			{Who} leads to the {value}.
			{Who} takes you to the {value}.
			{Who} goes to the {value}.
			To reach the {value}, take {who}.
			|
			{Who} ends at the {value}.`),
		asks: frames(`
			Where does {who} lead?
			To which place does {who} lead?
			Where does {who} go?`),
		each:   frames(`Where do {who} lead, in this order?`),
		answer: "to the {value}",
	},
}

// needleKinds are facts that stand out: numbers of four digits, as a rule, in
// sentences that say that they matter.
var needleKinds = []*factKind{
	{
		name: "secret number", about: places, subject: "the {about}", digits: true, marked: true,
		says: frames(`
			Remember this: the secret number of {who} is {value}.
			Do not forget that the secret number of {who} is {value}.
			Listen well: {who} has the secret number {value}.
			It is important that the secret number of {who} is {value}.
			|
			Keep in mind: the secret number of {who} is {value}.`),
		asks: frames(`
			What is the secret number of {who}?
			Which secret number does {who} have?
			Which number is the secret number of {who}?
			|
			Can you tell the secret number of {who}?`),
		all:  frames(`What are the secret numbers of {who}, in the order of the text?`),
		each: frames(`What are the secret numbers of {who}, in this order?`),
	},
	{
		name: "code", about: things, subject: "the {about}", digits: true, marked: true,
		says: frames(`
			Remember this: the code for {who} is {value}.
			Do not forget that the code for {who} is {value}.
			Write this down: {who} has the code {value}.
			It is important that the code for {who} is {value}.
			|
			Keep in mind: the code for {who} is {value}.`),
		asks: frames(`
			What is the code for {who}?
			Which code does {who} have?
			Which number is the code for {who}?
			|
			Can you tell the code for {who}?`),
		all:  frames(`What are the codes for {who}, in the order of the text?`),
		each: frames(`What are the codes for {who}, in this order?`),
	},
	{
		name: "lucky number", digits: true, marked: true,
		says: frames(`
			Remember this: {who}'s lucky number is {value}.
			Do not forget that {who}'s lucky number is {value}.
			Listen well: {who} has the lucky number {value}.
			It is important that the lucky number of {who} is {value}.
			|
			Keep in mind: {who}'s lucky number is {value}.`),
		asks: frames(`
			What is {who}'s lucky number?
			Which lucky number does {who} have?
			What is the lucky number of {who}?`),
		all:  frames(`What are the lucky numbers of {who}, in the order of the text?`),
		each: frames(`What are the lucky numbers of {who}, in this order?`),
	},
	{
		name: "magic number", about: animals, subject: "the {about}", digits: true, marked: true,
		says: frames(`
			Remember this: the magic number of {who} is {value}.
			Do not forget that the magic number of {who} is {value}.
			Write this down: {who} has the magic number {value}.
			It is important that the magic number of {who} is {value}.
			|
			Keep in mind: the magic number of {who} is {value}.`),
		asks: frames(`
			What is the magic number of {who}?
			Which magic number does {who} have?
			Which number is the magic number of {who}?`),
		all:  frames(`What are the magic numbers of {who}, in the order of the text?`),
		each: frames(`What are the magic numbers of {who}, in this order?`),
	},
	{
		name: "door code", about: towns, digits: true, marked: true,
		says: frames(`
			Remember this: the number of the gate of {who} is {value}.
			Do not forget that the gate of {who} has the number {value}.
			Write this down: the gate of {who} opens with {value}.
			It is important that the gate of {who} opens with {value}.
			|
			Keep in mind: the gate of {who} has the number {value}.`),
		asks: frames(`
			What is the number of the gate of {who}?
			Which number opens the gate of {who}?
			Which number does the gate of {who} have?`),
		all:  frames(`What are the numbers of the gate of {who}, in the order of the text?`),
		each: frames(`What are the numbers of the gates of {who}, in this order?`),
	},
}
