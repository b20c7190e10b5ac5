package corpus

import "strings"

// A frameList is sentence frames of one kind. The held-out ones are used in
// evaluation only.
type frameList struct{ train, held []frame }

// frames makes a list of the frames on the lines of a text; those after a
// line with a bar are held out.
func frames(s string) frameList {
	var l frameList
	held := false
	for line := range strings.Lines(s) {
		switch line = strings.TrimSpace(line); {
		case line == "|":
			held = true
		case line != "" && held:
			l.held = append(l.held, frame(line))
		case line != "":
			l.train = append(l.train, frame(line))
		}
	}
	return l
}

// A theme is what a filler paragraph is about: one frame of every step, in
// their order. Steps after the first may be left out.
type theme struct {
	plural bool // tells of several people
	steps  []frameList
}

// Filler frames know {who} at the first mention and {they} later, {he}, {him},
// {his}, {was}, and {day}, {sky}, {wind}, {sound}, {way}, {far}. They state
// nothing that a question asks about: no thing has a place, no one a job.
var themes = []theme{
	{steps: []frameList{ // a walk
		frames(`
			One {day} {who} went out for a long walk.
			{Who} liked to walk alone in the {day}.
			On a {sky} {day} {who} walked {way}.
			{Who} had slept well and went out early.
			It was a {sky} {day}, and {who} felt like walking.
			There was nothing to do at home, so {who} went for a walk.
			|
			{Who} could not sit still on that {sky} {day} and went out.`),
		frames(`
			The air was {air} and smelled of {smell}.
			{Wind} moved the leaves.
			The path went up and down between the trees.
			The grass was still wet.
			The sun stood low behind the trees.
			It was so quiet that {he} could hear {his} own steps.
			|
			Dust lay on the path, and the air smelled of {smell}.`),
		frames(`
			{He} heard {sound} {far}.
			Now and then {he} stopped and listened.
			{He} met nobody on the way.
			{He} thought of old times and smiled.
			{He} sang a little song and took {his} time.
			A neighbor waved, and {he} waved back.
			{He} looked up and saw the clouds go by.
			|
			{He} stood still for a while and counted the clouds.`),
		frames(`
			{They} turned around when the light grew weak.
			Then {he} became tired and went slowly home.
			"What a fine {day}," {he} said to nobody.
			{They} came home late, tired and happy.
			In the end {he} sat down in the grass and rested.
			After that {he} slept very well.
			|
			"I should do this more often," {he} said on the way back.`),
	}},
	{steps: []frameList{ // weather
		frames(`
			The {day} was {sky}.
			It was a {sky} {day}, and the streets were empty.
			In the night the weather had changed.
			All week long it had been {sky}.
			The {day} began {sky} and still.
			Nobody had seen such a {sky} {day} for a long time.
			|
			The old people said that a {sky} {day} brings luck.`),
		frames(`
			{Wind} came over the hills.
			Heavy clouds came from the west.
			The rain fell on the roofs and ran down the walls.
			Mist lay over the fields until noon.
			The sun came out and went away again.
			The air was {air} and smelled of {smell}.
			|
			A few drops fell, and then it was dry again.`),
		frames(`
			People stayed inside and looked out of the windows.
			The birds sat in the trees and waited.
			Water ran along the road.
			From time to time there was {sound} {far}.
			The trees bent and stood up again.
			Children ran outside and laughed.
			|
			Every window was closed, and smoke came from the roofs.`),
		frames(`
			Later the sky became clear.
			By night everything was quiet.
			"It will be better tomorrow," people said.
			Then the first stars came out.
			Nobody knew how long it would last.
			So the day went by, and then it was dark.
			|
			At last the clouds opened, and the moon came out.`),
	}},
	{plural: true, steps: []frameList{ // play
		frames(`
			{Who} played outside all {day}.
			One {sky} {day} {who} met to play.
			As it was {sky}, {who} were allowed to stay out long.
			After lunch {who} ran out to play.
			{Who} had a whole {day} for themselves.
			|
			No one had to call {who} twice when it was time to play.`),
		frames(`
			First {they} ran races until they were out of breath.
			{They} made a ship out of leaves and let it swim.
			One of them hid, and the others had to look.
			They told each other jokes and laughed a lot.
			They jumped over the water again and again.
			They climbed up the hill and rolled down again.
			|
			They built a wall of sand and watched it fall.`),
		frames(`
			"Again!" they shouted.
			"You can never catch me!" one of them called.
			"That was not fair," one of them said, but soon they all laughed.
			They heard {sound} {far} and stood still for a moment.
			They got wet and dirty, but nobody minded.
			|
			"Let us play until it is dark," one of them said.`),
		frames(`
			Then it was time to go home.
			They were hungry and tired in the end.
			When it grew dark, their parents called them.
			"See you tomorrow," they said.
			Nobody wanted to stop.
			They slept well that night.
			|
			They agreed to meet again the next day.`),
	}},
	{steps: []frameList{ // a talk
		frames(`
			{Who} met an old friend on the road.
			On the way home {who} met a friend.
			One {day} a friend came to see {who}.
			{Who} stood at the door and talked with a neighbor.
			On a {sky} {day} {who} and a friend sat in the sun.
			|
			It was a {sky} {day} when {who} saw an old friend again.`),
		frames(`
			"How are you?" {he} asked.
			"I have not seen you for a long time," said the friend.
			"What a {sky} {day}!" said the friend.
			"Sit down for a moment," {he} said.
			"Do you remember last summer?" the friend asked.
			|
			"You have not changed at all," said the friend.`),
		frames(`
			"I am well, thank you," was the answer.
			"Time goes by so fast," {he} said.
			"We should meet more often," {he} said.
			They talked about the weather and about old times.
			They laughed about a joke that both of them knew.
			"I was just thinking of you," {he} said.
			|
			They spoke of people who had moved away long ago.`),
		frames(`
			Then they shook hands and went home.
			It was good to talk for a while.
			They said goodbye and promised to write.
			{They} felt happy all day after that.
			It had become late without anyone seeing it.
			|
			Neither of them wanted to be the first to go.`),
	}},
	{steps: []frameList{ // at home
		frames(`
			{Who} sat by the window and looked out.
			In the {day} {who} stayed at home.
			{Who} lay in bed and could not sleep.
			The {day} was {sky}, and {who} stayed inside.
			After a long day {who} sat by the fire.
			|
			It was warm by the fire, where {who} sat and rested.`),
		frames(`
			The fire was warm, and the room smelled of {smell}.
			Outside there was {sound}.
			{Wind} went around the house.
			The room was small, but it was warm and clean.
			{He} listened to the rain.
			The house was still.
			|
			Old wood made small sounds in the walls.`),
		frames(`
			{He} thought about the next day.
			{He} remembered a song from long ago.
			{He} tried to think of nothing at all.
			{He} dreamed of far lands and the sea.
			{He} sang softly.
			{He} made some tea and drank it slowly.
			|
			{He} made plans and forgot them again.`),
		frames(`
			Soon {they} fell asleep.
			"Tomorrow is another day," {he} said.
			Then {he} went to bed.
			{They} felt calm and warm.
			The night was long and quiet.
			{He} woke when the sun came up.
			|
			Before long {his} eyes closed.`),
	}},
	{steps: []frameList{ // work
		frames(`
			{Who} had much to do that {day}.
			One {sky} {day} {who} cleaned the whole house.
			{Who} worked hard all {day}.
			{Who} got up before the sun because there was much work.
			That {day} {who} helped a neighbor.
			|
			There was a lot of work, and {who} began early.`),
		frames(`
			First {he} washed the windows.
			{He} cut wood and carried it inside.
			{He} swept the floor from wall to wall.
			{He} pulled weeds until {his} back hurt.
			{He} painted a fence and did not spill a drop.
			{He} washed shirts and hung them up in the sun.
			|
			{He} fixed a hole in the roof before the rain came.`),
		frames(`
			It was hard work, but {he} did not stop.
			{He} sang while {he} worked.
			At noon {he} rested for a short time.
			{His} hands grew tired.
			It took longer than {he} had thought.
			"Half of it is done," {he} said.
			|
			Again and again {he} had to start over.`),
		frames(`
			In the end everything was clean and in order.
			Then {they} washed {his} hands and sat down.
			"Well done," said a neighbor.
			{They} felt tired but glad.
			The rest could wait until the next day.
			|
			It was dark when the work was done.`),
	}},
	{steps: []frameList{ // nature
		frames(`
			Spring came late that year.
			The summer was long and warm.
			In the fall the leaves came down.
			Winter had come, and snow lay on the hills.
			The days grew short, and the nights grew cold.
			The days were getting longer again.
			|
			It was that time of the year when the leaves turn.`),
		frames(`
			The woods smelled of {smell}.
			Birds came and went in large groups.
			The water was clear and cold.
			Every {day} there was {sound} {far}.
			The wind played with the leaves.
			The first flowers opened in the sun.
			|
			Small flowers stood along the road.`),
		frames(`
			People sat outside and enjoyed the light.
			People got up late and went to bed early.
			Everyone was busy, and the days went by fast.
			Old people told stories about other years.
			The children did not want to go inside.
			|
			Travelers came through and went on without stopping.`),
		frames(`
			It would not stay like that for long.
			Everyone agreed that it was a good year.
			So the weeks went by.
			Then the weather changed.
			It was a good time to be alive.
			|
			Nobody wished to be anywhere else.`),
	}},
	{plural: true, steps: []frameList{ // a trip
		frames(`
			{Who} were on the road all {day}.
			{Who} had left home in the {day}.
			On a {sky} {day} {who} walked {way}.
			For hours {who} had walked through the hills.
			{Who} wanted to see the sea.
			|
			It was still dark when {who} set out.`),
		frames(`
			The road was long, and the {day} was {sky}.
			{They} talked and sang on the way.
			{They} looked for a bench to rest.
			The hills looked soft in the light.
			They had lost their way more than once.
			{Wind} blew in their faces.
			|
			Every turn of the road looked like the one before.`),
		frames(`
			"How far is it?" they asked a farmer's wife.
			"Not far now," said a woman by the road.
			"Are we there yet?" asked the smallest of them.
			They drank cold water and went on.
			They heard {sound} {far}.
			|
			"We have seen worse roads," said the oldest of them.`),
		frames(`
			At last they saw lights.
			They arrived late, but they arrived.
			They were glad to take off their shoes.
			That night they slept under the stars.
			They never forgot that day.
			|
			Years later they still spoke of it.`),
	}},
}

// The words of filler.
var (
	fillerDays   = words(`morning, afternoon, evening`)
	fillerSkies  = words(`cold, warm, cloudy, sunny, rainy, windy, clear, quiet, foggy, fine, long, hot, cool, bright`)
	fillerAirs   = words(`cold, warm, fresh, clear, heavy, still, soft, cool, wet, dry`)
	fillerSmells = words(`rain, smoke, grass, flowers, wet leaves, salt, wood, earth, hay, dust`)
	fillerWinds  = words(`a cold wind, a soft wind, a strong wind, a warm wind, a light wind`)
	fillerSounds = words(`a song, a shout, thunder, laughter, music, singing, a soft sound, a loud noise, a cry`)
	fillerFars   = words(`far away, in the distance, behind the trees, behind the hill, somewhere below, not far away`)
	fillerWays   = words(`through the woods, along the water, up the hill, down the road, over the hills, along the coast`)
	fillerOnes   = words(`an old man, a young man, a tall man, a stranger, an old woman, a young woman, a tall woman, a kind woman, a boy, a girl, a small boy, a small girl`)
	fillerMany   = words(`the children, the boys, the girls, some children, three friends, two brothers, two sisters, some friends, a few travelers`)
)

// The words of tales.
var (
	storyWeather = words(`sunny, rainy, windy, foggy, cold, warm, cloudy, snowy`)
	storyMonths  = words(`January, March, April, July, August, October, November, December`)
	storyDays    = words(`two days, three days, a week, some days, four days`)
	storyJobs    = words(`baker, farmer, teacher, doctor, sailor, miller, cook, painter, gardener, tailor, hunter, singer, nurse, smith`)
	storyAnimals = words(`dog, cat, goat, horse, hen, duck, rabbit, sheep, cow, pig, parrot, donkey, goose, turtle | hedgehog, falcon`)
	storyMoods   = words(`happy, proud, glad, calm, thankful, tired, lucky, merry`)

	itemKinds = map[string]list{
		"portable": words(`lantern, key, map, whistle, hammer, blanket, drum, mirror, bell, cup, spoon, umbrella, button, ring, book, coin, doll, hat, kite, letter | telescope, compass`),
		"toy":      words(`kite, doll, drum, whistle, flute, trumpet, violin, book, hat`),
		"tool":     words(`hammer, shovel, rope, ladder, brush, knife, bucket, basket | anvil`),
		"small":    words(`key, ring, coin, button, shell, feather, comb, needle, ticket, letter, spoon, map | thimble, compass`),
		"gift":     words(`scarf, blanket, cup, mirror, vase, bell, lantern, umbrella, pillow, coat, clock, candle, bottle, jar | telescope`),
	}
	placeKinds = map[string]list{
		"out": words(`garden, harbor, forest, market, field, island, lake, meadow, park, pond, river, yard, street | orchard, quarry`),
		"in":  words(`barn, kitchen, cellar, attic, school, library, bakery, mill, church, stable, tower, inn, museum, shop, theater, workshop, castle, hut | lighthouse, chapel`),
	}
)

// storyQuestions has the questions about tales, by kind.
var storyQuestions = map[string]frameList{
	"holder": frames(`
		Who has the {x} at the end?
		At the end, who has the {x}?
		|
		In whose hands is the {x} at the end?`),
	"lies": frames(`
		Where is the {x} at the end?
		At the end, where is the {x}?
		|
		Where does the {x} lie at the end?`),
	"place": frames(`
		Where is {a} at the end?
		At the end, where is {a}?
		|
		In which place is {a} at the end?`),
	"giver": frames(`
		Who gave the {x} to {a}?
		From whom did {a} get the {x}?
		|
		Whose gift to {a} was the {x}?`),
	"leave":    frames(`Where did {a} leave the {x}?`),
	"hide":     frames(`Where did {a} hide the {x}?`),
	"finder":   frames(`Who found the {x}?`),
	"found at": frames(`Where did {a} find the {x}?`),
	"found":    frames(`What did {a} find?`),
	"wish":     frames(`What did {a} want?`),
	"first":    frames(`Who was the first at {p}?`),
	"why":      frames(`Why was {a} sad?`),
	"job":      frames(`What is {a}'s job?`),
	"animal":   frames(`What animal does {a} have?`),
	"color":    frames(`What is {a}'s favorite color?`),
	"felt":     frames(`How did {a} feel at the end?`),
	"ate":      frames(`What did {a} eat?`),
	"weather":  frames(`What was the weather like in {town}?`),
	"wrote":    frames(`Who wrote about {town}?`),
}

// An effect is what a sentence changes or states: "give a b x".
type effect struct {
	op   string
	args []string
}

// A node of a plot is one sentence, with its frames and effects, or a choice.
type node struct {
	frames    frameList
	effects   []effect
	optional  bool
	paragraph bool // begins one
	choice    [][]node
}

// A role is a person, item or place of a plot and its kind.
type role struct{ name, kind string }

// A plot is what happens in a tale.
type plot struct {
	mini  bool // told in a few sentences
	roles []role
	body  []node
}

// A register is what stands around a tale: a letter, a diary.
type register struct{ open, end []node }

var (
	plots     []plot
	registers []register
)

func init() {
	blocks := map[string][]node{}
	for section := range strings.SplitSeq(plotText, "\n==") {
		head, body, _ := strings.Cut(strings.TrimSpace(section), "\n")
		words := strings.Fields(head)
		if len(words) == 0 {
			continue
		}
		lines := strings.Split(body, "\n")
		switch words[0] {
		case "block":
			blocks[words[1]], _ = parseNodes(lines, blocks)
		case "register":
			open, rest := parseNodes(lines, blocks)
			end, _ := parseNodes(rest, blocks)
			registers = append(registers, register{open, end})
		case "plot", "mini":
			p := plot{mini: words[0] == "mini"}
			for _, r := range words[1:] {
				name, kind, _ := strings.Cut(r, ":")
				p.roles = append(p.roles, role{name, kind})
			}
			p.body, _ = parseNodes(lines, blocks)
			plots = append(plots, p)
		default:
			panic("corpus: a plot begins with " + head)
		}
	}
}

// parseNodes reads the lines of plotText up to the end of a choice.
//
//   - give a b x     a sentence and its effects; its frames follow
//   - give a b x     the same, at the beginning of a paragraph
//     ? give a b x     the same, told or left out; ?* with a paragraph
//     ( / )            a choice
//     use name         a block
//     ...              the end of what opens a register
func parseNodes(lines []string, blocks map[string][]node) (nodes []node, rest []string) {
	held := false
	for len(lines) > 0 {
		line := strings.TrimSpace(lines[0])
		lines = lines[1:]
		mark, after, _ := strings.Cut(line, " ")
		switch mark {
		case "":
		case "-", "*", "?", "?*":
			n := node{optional: mark[0] == '?', paragraph: strings.HasSuffix(mark, "*")}
			for part := range strings.SplitSeq(after, ";") {
				if f := strings.Fields(part); len(f) > 0 {
					n.effects = append(n.effects, effect{f[0], f[1:]})
				}
			}
			nodes = append(nodes, n)
			held = false
		case "(":
			var n node
			for more := true; more; {
				var branch []node
				branch, lines = parseNodes(lines, blocks)
				n.choice = append(n.choice, branch)
				more = strings.TrimSpace(lines[0]) == "/"
				lines = lines[1:]
			}
			nodes = append(nodes, n)
		case "/", ")":
			return nodes, append([]string{line}, lines...)
		case "...":
			return nodes, lines
		case "use":
			nodes = append(nodes, blocks[after]...)
		case "|":
			held = true
		default:
			l := &nodes[len(nodes)-1].frames
			if held {
				l.held = append(l.held, frame(line))
			} else {
				l.train = append(l.train, frame(line))
			}
		}
	}
	return nodes, nil
}

const plotText = `
== block day
- weather
It was a {weather} day in {town}.
One {weather} day in {month}, this happened in {town}.
The day was {weather} when our story began in {town}.
It happened in {town} on a {weather} day in {month}.
|
In {town} the {month} day was {weather}.
?
The air smelled of {smell}.
There was {sound} {far}.
People were up early that day.
Everything was quiet.
The birds sang in the trees.
|
From {far} came {sound}.

== block who
(
- weather
Once upon a time there lived {a a.kind} called {a} in {town}, where the day was {weather}.
Long ago, on a {weather} day, {a a.kind} called {a} walked through {town}.
|
In {town}, on a {weather} day long ago, there was {a a.kind} called {a}.
/
use day
-
{A a.kind} called {a} lived there.
There was {a a.kind} there by the name of {a}.
Our story is about {a a.kind} called {a}.
|
Everybody there knew {a a.kind} called {a}.
)

== block pet
? animal a
{A} had {a a.animal} and took good care of it.
{A} never went far without {a.his} {a.animal}.
The best friend of {a} was {a.his} {a.animal}.
|
{A.his} {a.animal} liked nobody as much as {a}.

== block color
? color a
The favorite color of {a} was {a.color}.
{A} liked {a.color} more than any other color.
|
Of all colors, {a} liked {a.color} most.

== block sky
?
Then the wind grew strong, and a few drops fell.
The sun came out from behind a cloud.
Somewhere there was music.
A light wind moved the leaves.
It was very still.
It smelled of {smell}.
|
A bird sang for a moment and flew away.

== block lesson
?
Good friends help each other.
It is good to have friends.
A kind word costs nothing.
Who gives much gets much.
Some days end better than they begin.
Help often comes from where nobody looks for it.
Those who share are never poor.
|
A small kindness goes a long way.

== block evening
?*
When evening came, the lights went on in the houses.
Then evening fell.
The sun went down behind the hills.
Slowly it grew dark.
The first stars came out.
|
The day came to its end, and the sky turned dark.

== block felt
- felt a
In the end {a} was {a.mood}.
{A} felt {a.mood} that night.
So it was that {a} felt {a.mood}.
"What a day!" said {a}, who felt {a.mood} now.
|
{A} went to sleep that night and felt {a.mood}.

== register letter
- wrote n
My name is {n}, and I must tell you what happened in {town}.
This is a letter from {n} with news from {town}.
Dear friend, it is me, {n}, and I have a story for you.
|
Dear friend, I hope you still remember {n}, who now writes to you.
?
I hope that you are well.
I saw it all myself.
Everyone here talks about it.
...
-
Write to me soon.
That is all for today.
I hope to see you soon.
Please come and see us in the summer.
|
Give my love to everyone at home.

== register diary
- wrote n
This is the diary of {n}.
{N} wrote this in a diary one night.
Diary of {n}, in {month}.
|
Tonight {n} opened the diary and wrote this.
?
Today I heard a good story.
I want to write this down before I forget it.
...
-
I will remember this for a long time.
Now I am tired and will go to bed.
I wish that every day was like this.
|
More about this another day.

== register news
-
News from {town}.
This week there is good news from {town}.
People in {town} have a new story to tell.
|
Here is the news from {town}.
?
It was told to us by {n}, who saw everything.
{N} told us how it happened.
...
-
That is all the news for this week.
We thank {n} for this story.
"I am glad that I was there," said {n}.
|
So far the news.

== register bedtime
-
"Please tell me a story," {n} said at bedtime.
"Is there a new story?" asked {n}.
{N} could not sleep and asked for a story.
|
"Only one story, and then you sleep," {n} was told.
?
"Then listen," said the grandmother.
"Is it a true story?" asked {n}.
"Yes, come and sit with me," was the answer.
...
-
"That was a good story," said {n}.
Then {n} fell asleep.
"And is it true?" asked {n}, but there was no answer.
"Now close your eyes," said the grandmother.
|
"Tomorrow I want to hear it again," said {n}.

== plot a:child b:grown c:child x:toy p:out q:in
use who
- own a x
{A} had a new {x} and loved it very much.
For {a.his} birthday {a} had got {a x}.
Nothing was so dear to {a} as {a.his} {x}.
|
No day went by on which {a} did not look at {a.his} {x}.
use color
* at a p
In the morning {a} took the {x} and went to {p}.
{A} went to {p} with the {x}.
After breakfast {a} ran to {p} to play with the {x}.
use sky
- lose a x q
But on the way {a} lost the {x}.
There {a} looked down, and the {x} was gone.
After a while {a} could not find the {x} any more.
|
An hour later the {x} was nowhere to be seen, and {a} had lost it.
- why a the {x} was lost
{A} was sad because the {x} was lost.
"Oh no," cried {a}, who was sad because the {x} was lost.
?
{A} looked under every stone.
{A} looked here and there and everywhere.
|
{A} asked everyone who came by.
* at b q
At that time {b} was {in.q}.
That day {b} was working {in.q}.
{B} was {in.q} that morning.
? job b
{B} was {a b.job}.
{B} worked as {a b.job}.
|
By trade {b} was {a b.job}.
- find b x q
{B} looked down and found the {x} there, {in.q}.
There, {in.q}, {b} found the {x}.
|
Between two boxes {in.q}, {b} found the {x}.
?
"Whose {x} is this?" asked {b}.
"Somebody must miss this {x}," {b} said.
(
- go b p
{B} took it and went to {p}.
So {b} went to {p} and asked the people there.
- give b a x
{B} saw {a} there and gave the {x} back to {a}.
"Is this yours?" asked {b} and gave the {x} to {a}.
{B} gave the {x} to {a} at once.
?
"Thank you, {b}!" cried {a}.
{A} thanked {b} again and again.
/
- at c q
Then {c} came in, and now {c} was {in.q} too.
{C} came to see {b} {in.q}.
- give b c x
"I know whose it is," said {c}, so {b} gave the {x} to {c}.
{B} gave the {x} to {c}, who knew {a} well.
- go c p
{C} ran to {p} as fast as the wind.
Then {c} went to {p}.
- give c a x
There {c} gave the {x} to {a}.
{C} gave the {x} back to {a}, who could not believe it.
|
"Look what I have," said {c} and gave the {x} to {a}.
)
use evening
use felt
use lesson

== plot a:child b:old x:gift p:in q:out
use who
use pet
- want a x
{A} wanted to buy {a x} for {a.his} old neighbor {b}.
What {a} wanted was {a x}, as a gift for old {b}.
|
The wish of {a} was clear: {a.he} wanted {a x} for {b}.
?
But {a} had no money.
The trouble was that {a} had only a few coins.
* at a q
So {a} went to {q} and worked there.
To get the money, {a} went to {q} and helped the people there.
?
{A} carried boxes, swept the floor and washed cups.
It was hard work, but {a} did not stop.
{A} worked there for {days}.
|
For {days}, {a} worked from morning until night.
- own a x
Then {a} had enough money and bought the {x}.
At last {a} could buy the {x}.
{A} bought the {x} with the money.
* at b p; go a p
{B} was {in.p} when {a} came in.
{A} went to {p}, where {b} was.
{A} found {b} {in.p} and went in.
- give a b x
{A} gave the {x} to {b}.
"This is for you," said {a} and gave the {x} to {b}.
|
With both hands {a} gave the {x} to {b}.
?
"For me?" asked {b}.
"I have never had such a fine {x}," said {b}.
{B} did not know what to say.
(
- ate a
Then {a} ate some {food} with {b}.
{B} made tea, and {a} ate {food}.
/
?
{B} told a long story about old times.
They sat and talked until it was late.
)
use evening
use felt
use lesson

== plot a:child b:grown c:old x:small p:in q:out r:in
use day
* at a p; own a x
{A} was {in.p} and held {a x}.
{A} stood {in.p} with {a x}.
A {a.kind} called {a} sat {in.p} and looked at {a x}.
- job b
{A.his} uncle had sent it, and it was meant for {b}, {a b.job}.
"Take this to {b}, the {b.job}," {a.his} mother had said.
|
It had to go to {b}, who was {a b.job}.
- go a q
So {a} set out and walked to {q}.
{A} went to {q} first.
{A} took the road to {q}.
use sky
?
The way was long.
{A} sang on the way.
{A} was a little afraid, but went on.
* at c q
{In.q} {c} sat on a bench.
There {a} met old {c}, who was resting {in.q}.
There, {in.q}, was {c}.
- 
"Where are you going?" asked {c}.
"Good day, {a}," said {c}.
"What do you have there?" {c} asked.
(
- hide a x q
{A} was tired, hid the {x} {in.q} and slept for an hour.
{A} wanted to rest, so {a.he} hid the {x} {in.q}.
- take a x
Then {a} took the {x} again and said goodbye.
"I must go on," said {a} and took the {x}.
/
- give a c x
"May I see it?" asked {c}, so {a} gave the {x} to {c}.
{A} gave the {x} to {c} for a moment.
- give c a x
{C} looked at it for a long time and gave it back to {a}.
{C} smiled and gave the {x} back to {a}.
/
?
"I have no time," said {a}.
"I am going to see {b}," {a} answered.
)
* at b r; go a r
At last {a} came to {r}, where {b} was.
{A} went to {r} and found {b} there.
- give a b x
{A} gave the {x} to {b}.
"Here you are," said {a} and gave the {x} to {b}.
|
{B} got the {x} from {a} and was very glad: now {b} had it.
?
"You have come a long way," said {b}.
"I have waited for this," said {b}.
use felt
use lesson

== plot a:child b:child c:grown x:tool p:out q:in
use day
* at a p; at b p
{A} and {b} played {in.p}.
{A} and {b} were friends and spent the day {in.p}.
Two children called {a} and {b} were {in.p}.
use color
?
Suddenly the sky turned black.
Then dark clouds came over the hills.
|
Nobody saw the dark clouds that came from the sea.
-
A storm broke out, and the rain came down hard.
There was thunder, and then it began to rain.
"A storm is coming!" cried {a}.
|
Thunder rolled over the hills, and the storm was there.
- go a q; go b q
{A} and {b} ran to {q}.
"Quick!" called {b}, and {a} and {b} ran to {q}.
They took each other by the hand, and {a} and {b} ran to {q}.
- at c q; job c
There was {c}, {a c.job}, who was {in.q} too.
{C}, {a c.job}, was {in.q} and let them in.
- own c x
{C} had {a x} with {c.him}.
"I still have my {x}," said {c}.
?
The wind shook the door.
Rain ran down the windows.
Water came in under the door.
|
With a loud noise the door flew open.
* give c a x
{C} gave the {x} to {a} and asked {a.him} to help.
"Take this," said {c} and gave the {x} to {a}.
-
Together they closed the hole in the roof.
Together they kept the water out.
They worked until the house was safe.
(
- give a b x
Then {a} was tired and gave the {x} to {b}.
"Now you," said {a} and gave the {x} to {b}.
? give b c x
When all was done, {b} gave the {x} back to {c}.
Later {b} gave the {x} to {c} again.
/
- leave a x q
After that {a} left the {x} {in.q}, by the wall.
{A} put the {x} down and left it {in.q}.
)
*
In the evening the storm was over.
An hour later the storm went away.
At last the rain stopped.
? ate a
{A} ate warm {food} with the others.
Then {a} ate some {food}, because the work had made them all hungry.
- felt a
{A} was {a.mood}.
"I was afraid, but now I feel {a.mood}," said {a}.
- felt b
{B} was {b.mood}.
{B} felt {b.mood}.
use lesson

== plot a:child b:child c:child p:out q:out x:gift
use day
* at a p; at b p; at c p
There was a race that day, and {a}, {b} and {c} met {in.p}.
{A}, {b} and {c} met {in.p} for the great race.
All children came to see the race of {a}, {b} and {c} {in.p}.
?
"I will win," said {a}.
"Nobody is as fast as me," said {b}.
"Let us have fun," said {c}.
|
"May the best one win," said {c}.
-
The way was long: they had to run to {q}.
"Run to {q}!" called a man, and off they went.
They began to run to {q}.
use sky
(
- 
{A} was very fast at first, but then {a} fell.
{A} fell over a stone.
- why a {a.his} foot hurt
{A} was sad because {a.his} foot hurt.
{A} sat on the road and was sad because {a.his} foot hurt.
-
"Wait, I will help you," said {b} and took {a.his} arm.
{B} stopped and helped {a} to stand up.
|
{B} could have won, but {b.he} stopped and helped {a}.
- go c q; first c q
So {c} was the first at {q}.
{C} ran on and was the first at {q}.
- go a q; go b q
Later {a} and {b} came to {q} too, hand in hand.
After some time {a} and {b} walked to {q} together.
- own c x
{C} got the prize, {a x}.
The prize was {a x}, and {c} got it.
- give c b x
But {c} gave the {x} to {b}.
"You should have it," said {c} and gave the {x} to {b}.
/
- go b q; first b q
{B} was the first at {q}.
In the end {b} was the first who came to {q}.
- go a q
{A} came second and stood {in.q}, out of breath, but {a} laughed.
Next {a} came to {q}.
- go c q
{C} came last to {q}.
Then {c} came to {q} too, slow and red in the face.
- own b x
{B} got the prize, {a x}.
The prize was {a x}, and {b} got it.
?
Everyone clapped and shouted.
"Well done!" people called.
)
- felt a
{A} was {a.mood} all the same.
{A} did not win, but felt {a.mood}.
use lesson

== plot a:grown b:grown c:child x:small p:in q:out
use day
- job a
{A} was {a a.job}.
Here lived {a}, {a a.job}.
{A} worked as {a a.job}.
- animal a
{A} had {a a.animal}.
{A.he} had {a a.animal} called Star, and {a} loved it.
|
Everybody knew {a}'s {a.animal}.
* why a the {a.animal} was sick
One morning {a} was sad because the {a.animal} was sick.
Then a bad day came, and {a} was sad because the {a.animal} was sick.
?
It did not eat, and it did not drink.
It lay in the straw and did not move.
- at a p
{A} stayed with it {in.p}.
{A} sat beside it {in.p} all night.
-
"Who can help us?" asked {a}.
"I will find help," said little {c}.
- at c q; at b q
{C} ran to {q} and found {b} there.
So {c} went to {q}, where {b} was.
- own b x
{B} knew much about animals, and {b.he} always had {a x} for luck.
{B} had healed many animals, and {b.he} carried {a x} for luck.
- 
"Please come, the {a.animal} is very sick," said {c}.
"We need you, {b}," said {c}.
- go b p; go c p
{B} and {c} went to {p} at once.
At once {b} and {c} hurried to {p}.
|
Without another word {b} and {c} went to {p}.
?
{B} looked at the {a.animal} and gave it warm milk.
{B} spoke softly and gave the {a.animal} some tea.
- 
"It only needs rest," said {b}.
"In {days} it will be well," said {b}.
* give b c x
Before leaving, {b} gave the {x} to {c}.
"You are brave," said {b} and gave the {x} to {c}.
?
And so it was: soon the {a.animal} could stand again.
The next day the {a.animal} ate again.
use felt
use lesson

== plot a:grown b:old c:child x:tool p:in q:out
use day
* job a
{A} was {a a.job} and worked hard.
{A}, {a a.job}, had much work.
- at a q; own a x
{A} was {in.q} with {a.his} {x}.
With {a.his} {x}, {a} worked {in.q}.
- why a the {x} was broken
But then {a} was sad because the {x} was broken.
There was a loud crack, and {a} was sad because the {x} was broken.
?
"How can I work without it?" asked {a}.
"I have no money for a new one," said {a}.
* at b p; go a p
{A} went to {p} to see old {b}.
Old {b} was {in.p}, so {a} went to {p}.
?
{B} could make and mend everything.
People said that {b} had golden hands.
- give a b x
{A} gave the {x} to {b}.
"Can you mend this?" asked {a} and gave the {x} to {b}.
?
"Come back in {days}," said {b}.
{B} looked at it and began to work.
(
- give b a x
When it was done, {b} gave the {x} back to {a}.
"It is as good as new," said {b} and gave the {x} to {a}.
- go a q
{A} went back to {q} and went on with the work.
Then {a} returned to {q}.
/
- go a q
{A} went back to {q} and waited.
Without the {x}, {a} returned to {q}.
- at c p
{C} came to {p} and looked on.
{C}, a {c.kind} from next door, came to {p}.
- give b c x
{B} gave the {x} to {c} when it was done.
Soon it was as good as new, and {b} gave the {x} to {c}.
- go c q
{C} carried it to {q}.
Then {c} ran to {q}.
- give c a x
There {c} gave the {x} to {a}.
"Here it is," said {c} and gave the {x} to {a}.
)
? ate b
{A} sent some {food} as thanks, and {b} ate all of it.
{B} wanted no money, but {b} ate the {food} that {a} sent.
use evening
use felt
use lesson

== plot a:child b:grown c:child x:gift y:small p:in q:out
use day
* job b
{B}, {a b.job}, was new in {town}.
A new neighbor came to {town}: it was {b}, {a b.job}.
- at b p
{B} moved into the rooms by {p} and worked {in.p}.
{B} was {in.p} from morning until night.
use sky
- why b nobody knew {b.him}
{B} was sad because nobody knew {b.him}.
At first {b} was sad because nobody knew {b.him}.
* at a q; at c q
{A} and {c} were {in.q} and talked about it.
{A} met {c} {in.q}.
- own a x; own c y
"I have {a x}, and you have {a y}," {a} said to {c}.
{A} had {a x} and {c} had {a y}.
-
"Let us bring something to {b}," said {c}.
"We should be kind," said {a}.
|
"It must be hard to be new," said {c}.
- go a p; go c p
So {a} and {c} went to {p}.
That same day {a} and {c} walked to {p}.
* give a b x
{A} gave the {x} to {b}.
"Welcome!" said {a} and gave the {x} to {b}.
(
- give c b y
{C} gave the {y} to {b}.
"And this is from me," said {c} and gave the {y} to {b}.
/
- give b c x
"You need it more," said {b} and gave the {x} to {c}.
But {c} was cold, so {b} gave the {x} to {c}.
/
?
{C} was too shy to speak.
{C} smiled and said nothing.
)
? ate a
{A} ate some {food} that {b} had made.
There was a large table, and {a} ate {food}.
- felt b
From then on {b} was {b.mood}.
{B} felt {b.mood} that night.
use lesson

== plot a:child b:child c:old x:small y:gift p:in q:out r:out
use day
* at c p
Old {c} lived by {p} and often sat {in.p}.
Old {c} sat {in.p} and told stories.
- at a p; at b p
{A} and {b} liked these stories, so they came to {p}.
One day {a} and {b} came to {p}.
- 
"There is a treasure {in.q}," said {c}.
"Long ago somebody hid a treasure {in.q}," {c} told them.
- own c x
{C} had {a x}, very old and dirty.
"Look," said {c}, who held {a x}.
- give c a x
{C} gave the {x} to {a}.
"This will bring you luck," said {c} and gave the {x} to {a}.
* go a q; go b q; lies y q
The next morning {a} and {b} went to {q}.
{A} and {b} ran to {q} at once.
use sky
?
They looked for hours.
They looked under trees and behind walls.
"It was only a story," said {b}.
|
"Maybe there is nothing here," {b} said.
(
- find b y q
Then {b} looked into a hole {in.q} and found {a y}.
But {in.q}, under a tree, {b} found {a y}.
- give b a y
{B} gave the {y} to {a}.
"Hold this," said {b} and gave the {y} to {a}.
/
- find a y q
Then {a} found {a y} deep in the ground {in.q}.
But {in.q}, between old roots, {a} found {a y}.
- hide a y q
"Nobody shall know," said {a} and hid the {y} again {in.q}.
{A} hid the {y} {in.q}, so that nobody could take it.
/
- find a y q
At last {a} found {a y} {in.q}.
There {in.q}, behind a wall, {a} found {a y}.
- give a b y
"It is for you," said {a} and gave the {y} to {b}.
{A} gave the {y} to {b}, because {b} had never had one.
)
- go a r
After that {a} went to {r} to tell everyone.
In the evening {a} went to {r}.
|
Late that day {a} was seen {in.r}.
use felt
use lesson

== plot a:child b:grown c:child x:tool p:in q:out
use day
* at b p; job b
{B}, {a b.job}, was {in.p} and wanted to cook.
That day {b}, {a b.job}, was {in.p} to cook for everybody.
- want b x
But {b} wanted {a x} and had none.
"I want {a x} for this," said {b}.
- at a p
{A} came to {p} to help.
{A} walked into {p} because it smelled so good.
use color
- at c q; own c x
"{C} has one, and {c} is {in.q}," said {a}.
{A} knew that {c} was {in.q} and had {a x}.
* go a q
So {a} went to {q}.
{A} ran to {q}.
- give c a x
{C} gave the {x} to {a}.
"You can have it," said {c} and gave the {x} to {a}.
|
Gladly {c} gave the {x} to {a}.
?
"Save me some {food}," {c} said.
"Come and eat with us," said {a}.
- go a p
{A} went back to {p}.
Soon {a} returned to {p}.
- give a b x
{A} gave the {x} to {b}.
There {a} gave the {x} to {b}.
?*
The fire was hot, and the room smelled of {smell}.
They washed, cut and stirred.
{A} sang while they worked.
- ate a
At noon {a} ate {food}.
When all was ready, {a} ate {food}.
|
It was {food} that {a} ate in the end.
? go c p
{C} came to {p} too.
Then {c} walked to {p}, as hungry as a bear.
?
"It is very good," said everyone.
Nobody left anything on the table.
use felt
use lesson

== plot a:grown b:grown c:child x:gift y:tool p:out q:in
use day
*
It was market day.
Every week there was a market.
The market was full of people.
- at a p; own a x
{A} was {in.p} and had {a x} with {a.him}.
{A} stood {in.p} with {a x}.
- want a y
{A} wanted {a y}.
What {a} wanted was {a y}.
- at b p; own b y
{B} was {in.p} too and had {a y}.
Next to {a}, also {in.p}, was {b} with {a y}.
? job b
{B} was {a b.job}.
{B}, who was {a b.job}, called out loud.
-
"How much is it?" asked {a}.
"I have no money," said {a}.
- give a b x
"Then we swap," said {b}, and {a} gave the {x} to {b}.
{A} gave the {x} to {b}.
- give b a y
{B} gave the {y} to {a}.
For it, {b} gave the {y} to {a}.
use sky
(
* at c p
A {c.kind} called {c} came to {p}.
Then {c} came to {p}, without a coat.
- give b c x
{B} gave the {x} to {c}.
{B} had a good heart and gave the {x} to {c}.
/
* go a q
{A} carried the {y} home and went to {q}.
After that {a} went to {q}.
- at c q
{C} was {in.q}.
{C} waited {in.q}.
- give a c y
{A} gave the {y} to {c}.
"I got this for you," said {a} and gave the {y} to {c}.
/
* go b q
Then {b} went to {q}.
Later {b} went to {q}.
- leave b x q
{B} left the {x} {in.q}.
But {b} fell asleep there and left the {x} {in.q}.
)
use evening
use felt
use lesson

== plot a:child b:child c:grown x:toy p:in q:out r:out
use day
* 
{A} and {b} were good friends.
{A} and {b} had been friends for years.
- at a p; at b p
They sat {in.p} together, {a} and {b}.
That morning {a} and {b} played {in.p}.
- own a x
{A} had {a x}.
{A} held {a x}, and {b} wanted it.
-
"Give it to me!" said {b}.
"It is my turn now," said {b}.
"You never let me have it," {b} said.
-
"No, it is mine," said {a}.
{A} did not want to share.
They shouted at each other.
- go b q
{B} ran away to {q}.
So {b} left and went to {q}.
* why b {a} had shouted
There {b} was sad because {a} had shouted.
{B} sat down and was sad because {a} had shouted.
- at c q
{C} was {in.q} and saw it.
{C} came to {q}.
? job c
{C} was {a c.job}.
{C} worked as {a c.job}.
-
"Friends are worth more than things," said {c}.
"Go and talk to {a}," said {c}.
"Everyone gets angry some time," said {c}.
|
"Tomorrow you will laugh about it," said {c}.
* go a q
At the same time {a} went to {q}.
But {a} was sorry and came to {q}.
- give a b x
{A} gave the {x} to {b}.
"I am sorry," said {a} and gave the {x} to {b}.
(
- give b a x
{B} laughed and gave the {x} back to {a}.
After a while {b} gave the {x} to {a} again.
/
?
"I am sorry too," said {b}.
They shook hands.
)
- go a r; go b r
Then {a} and {b} went to {r}.
Together {a} and {b} walked to {r}.
use felt
- felt b
{B} was {b.mood} too.
And {b} felt {b.mood}.
use lesson

== plot a:old b:child c:child x:gift y:small p:in q:in r:out
use who
- job a
When {a} was young, {a.he} was {a a.job}.
For many years {a} had been {a a.job}.
use pet
* at a p; own a x
Now {a} was {in.p} and had only {a x}.
{A} was {in.p}, and {a.his} only treasure was {a x}.
- why a nobody came
{A} was sad because nobody came.
On many days {a} was sad because nobody came.
- at b r; at c r; lies y r
One day {b} and {c} played {in.r}.
{B} and {c} were {in.r}, not far away.
- find b y r
{B} found {a y} there {in.r}.
There {in.r}, in the grass, {b} found {a y}.
?
"It must be very old," said {c}.
"Who lost this?" asked {b}.
- 
"Ask {a}, who knows everything," said {c}.
"{A} knows much about old things," said {c}.
* go b p; go c p
So {b} and {c} went to {p}.
{B} and {c} ran to {p}.
- give b a y
{B} gave the {y} to {a}.
"Is this yours?" asked {b} and gave the {y} to {a}.
?
"I lost it when I was young," said {a}.
{A} could not say a word.
|
{A} laughed and cried at the same time.
(
- give a c x
{A} gave the {x} to {c}.
"Then I have something for you too," said {a} and gave the {x} to {c}.
/
- give a b x
{A} gave the {x} to {b}.
To thank {b}, {a} gave the {x} to {b}.
? give b c x
On the way out {b} gave the {x} to {c}.
"Now you," said {b} and gave the {x} to {c}.
/
?
"You made me happy," said {a}.
"Please come again," said {a}.
)
? ate b
{B} ate {food} there.
There was {food}, and {b} ate it all.
? go c q
{C} went to {q} after that.
Later {c} had to go to {q}.
use felt
use lesson

== plot a:grown b:grown c:old x:small p:out q:in
use day
* at a q; job a
{A}, {a a.job}, was {in.q}.
{A} was {in.q} that day, and {a.he} was {a a.job}.
use pet
- own a x
{A} had {a x} from {a.his} grandfather.
{A} always carried {a x}.
- hide a x q
Because there were thieves, {a} hid the {x} {in.q}.
{A} hid the {x} {in.q} and told nobody.
- go a p
Then {a} went to {p}.
After that {a} walked to {p}.
*
{Days} later strange things happened.
The night was dark and still.
|
Nobody slept well that night.
- at b q
{B} came to {q} and looked for something to eat.
{B} went to {q}, because {b} was cold.
- find b x q
There {b} found the {x} {in.q}.
By chance {b} found the {x} {in.q}.
?
"What a fine {x}," said {b}.
"Shall I keep it?" {b} asked.
(
- go b p
But {b} was honest and went to {p}.
"No, it is not mine," said {b} and went to {p}.
- give b a x
There {b} gave the {x} to {a}.
{B} gave the {x} back to {a}.
/
- at c q
Then {c} came to {q}.
Old {c} also came to {q}.
- give b c x
{B} gave the {x} to {c}.
"Keep it safe," said {b} and gave the {x} to {c}.
)
- felt b
{B} was {b.mood} that night.
In the end {b} felt {b.mood}.
use lesson

== mini a:person b:person x:gift p:in q:out
- at a p; own a x
{A} was {in.p} with {a x}.
{A} sat {in.p} and had {a x}.
? felt a
{A} felt {a.mood}.
- at b p
{B} came to {p}.
Then {b} came to {p}.
- give a b x
{A} gave the {x} to {b}.
"Take it," said {a} and gave the {x} to {b}.
? go b q
{B} went to {q}.
? color b
{B} liked {b.color} more than any other color.

== mini a:person b:person c:person x:portable p:out
* at a p; at b p; at c p
{A}, {b} and {c} stood {in.p}.
{In.p} {a} met {b} and {c}.
It was a good day for {a}, {b} and {c}, who were {in.p}.
|
Three people were {in.p}: {a}, {b} and {c}.
- own a x
{A} had {a x}.
{A} showed them {a x}.
{A} held {a x}.
(
- give a b x
First {a} gave the {x} to {b}.
{B} asked for it, so {a} gave the {x} to {b}.
- give b c x
Then {b} gave the {x} to {c}.
But {b} did not need it and gave the {x} to {c}.
(
? felt c
{C} was {c.mood}.
/
- give c a x
After that {c} gave the {x} back to {a}.
In the end {c} gave the {x} to {a} again.
/
- give c b x
{C} did not want it and gave the {x} back to {b}.
)
/
- give a c x
{A} liked {c} and gave the {x} to {c}.
"It is for you, {c}," said {a} and gave the {x} to {c}.
- give c b x
{C} laughed and gave the {x} to {b}.
Later {c} gave the {x} to {b}.
? give b a x
But soon {b} gave the {x} back to {a}.
"It is yours, {a}," said {b} and gave the {x} to {a}.
)
? animal b
{B} had {a b.animal}.
{B} never went far without {b.his} {b.animal}.

== mini a:person b:grown x:tool p:in q:out
* at b p; job b
{B} was {a b.job} and worked {in.p}.
{B}, {a b.job}, was {in.p}.
- want b x
{B} wanted {a x}.
What {b} wanted was {a x}.
? color b
{B} liked {b.color} more than any other color.
- lies x q; at a q
{A} was {in.q}.
At that time {a} was {in.q}.
- find a x q
{A} found {a x} {in.q}.
There {in.q}, {a} found {a x}.
(
- go a p
{A} went to {p}.
So {a} walked to {p}.
- give a b x
{A} gave the {x} to {b}.
"Look!" said {a} and gave the {x} to {b}.
/
- hide a x q
But {a} hid the {x} again {in.q}.
)

== mini a:child b:old p:out q:in
* weather
It was a {weather} day in {town}.
The day was {weather} in {town}.
- at a p; at b p
{A} met old {b} {in.p}.
{A} and old {b} sat {in.p}.
-
"How are you, {b}?" asked {a}.
"Good morning, {a}," said {b}.
- why b nobody came
"Nobody comes to see me," said {b}, who was sad because nobody came.
{B} was sad because nobody came.
- go a q; go b q
"Come with me," said {a}, and {a} and {b} went to {q}.
So {a} and {b} went to {q} together.
? ate b
There was {food}, and {b} ate all of it.
{B} ate warm {food} there.
? felt b
{B} felt {b.mood}.
After that {b} was {b.mood}.

== mini a:child b:child p:out q:out
* at a p; at b p
{A} and {b} were {in.p}.
{A} met {b} {in.p}.
-
"Let us run to {q}," said {a}.
"Who is faster?" asked {b}.
"Catch me!" called {a}.
(
- go a q; first a q
{A} was the first at {q}.
- go b q
Then {b} came to {q}.
{B} came to {q} later.
- felt b
But {b} was {b.mood} all the same.
/
- go b q; first b q
{B} was the first at {q}.
- felt a
{A} did not win but felt {a.mood}.
{A} was {a.mood} all the same.
)
? color a
{A} liked {a.color} more than any other color.

== mini a:grown b:person x:small p:in q:out
* at a p; own a x
{A} was {in.p} with {a x}.
? job a
{A} was {a a.job}.
{A} worked as {a a.job}.
- hide a x p
{A} hid the {x} {in.p}.
At night {a.he} hid the {x} {in.p}.
|
To keep it safe, {a.he} hid the {x} {in.p}.
- go a q
Then {a.he} went to {q}.
{A} walked to {q} after that.
(
- at b p
{B} came to {p}.
Later {b} came to {p}.
- find b x p
There {b} found the {x} {in.p}.
{B} looked around {in.p} and found the {x}.
(
? felt b
{B} was {b.mood}.
/
- go b q
{B} went to {q}.
- give b a x
"Is this yours?" asked {b} and gave the {x} to {a}.
{B} gave the {x} back to {a}.
)
/
- felt a
{A} felt {a.mood}.
)

== mini a:child b:grown p:in q:out
* animal a
{A} had {a a.animal}.
The best friend of {a} was {a.his} {a.animal}.
- why a the {a.animal} was sick
{A} was sad because the {a.animal} was sick.
- at b p; job b
{B}, {a b.job}, was {in.p}.
- at a p
So {a} came to {p} and asked for help.
{A} carried it to {p}.
-
"It will be well soon," said {b}.
"It needs rest and warm milk," said {b}.
|
"Do not worry," said {b}.
? felt a
{A} was {a.mood}.
{A} felt {a.mood} after that.
? go b q
Then {b} went to {q}.

== mini a:grown b:grown x:gift y:tool p:out
* at a p; at b p
{A} and {b} met {in.p} on market day.
It was market day, and {a} met {b} {in.p}.
- own a x; own b y
{A} had {a x}, and {b} had {a y}.
- give a b x
{A} gave the {x} to {b}.
"Let us swap," said {a} and gave the {x} to {b}.
- give b a y
For it {b} gave the {y} to {a}.
{B} gave the {y} to {a}.
? felt a
{A} was {a.mood}.
? color b
{B} liked {b.color} more than any other color.

== plot a:child b:grown c:child d:old x:portable p:in q:out r:in
use day
* at a p; own a x
{A} found no sleep that night and got up early; {a.he} was {in.p} with {a x}.
{A} was {in.p} and held {a x}.
Early in the morning {a} was {in.p} with {a x}.
use pet
- at b p
{B} came to {p} too.
Then {b} walked into {p}.
? job b
{B} was {a b.job}.
{B}, who was {a b.job}, had little time.
-
"May I have it for a day?" asked {b}.
"I need that {x}," said {b}.
"What a good {x}!" said {b}.
- give a b x
{A} gave the {x} to {b}.
"Bring it back some day," said {a} and gave the {x} to {b}.
|
Without a word {a} gave the {x} to {b}.
* go b q
{B} took the {x} and went to {q}.
After that {b} went to {q}.
use sky
- at c q
{C} was {in.q}.
There {b} met {c}, who was {in.q} with friends.
(
- give b c x
{C} asked for the {x}, so {b} gave it to {c}.
{B} gave the {x} to {c}.
- go c r
{C} ran to {r}.
Then {c} carried it to {r}.
- at d r
Old {d} was {in.r}.
{D} sat {in.r} by the fire.
(
- give c d x
{C} gave the {x} to {d}.
"Grandfather told me to bring you this," said {c} and gave the {x} to {d}.
?
"I have looked for {a x} for {days}," said {d}.
/
- leave c x r
{C} left the {x} {in.r}.
{C} played there for an hour and left the {x} {in.r}.
)
/
- leave b x q
But {b} left the {x} {in.q}.
{B} put it down to rest and left the {x} {in.q}.
- take c x
{C} saw the {x} and took it.
So it was {c} who took the {x}.
(
- go a q
Soon {a} came to {q}.
- give c a x
{C} gave the {x} to {a}.
"This is yours, {a}," said {c} and gave it to {a}.
/
- go c r
{C} went to {r} with it.
)
)
use evening
use felt
use lesson

== mini a:person b:person x:tool p:out
- at b p; at a p
{A} met {b} {in.p}.
{A} and {b} met {in.p}.
- own a x
{A} had {a x}.
- give a b x
{A} gave the {x} to {b}.
{B} needed it, so {a} gave the {x} to {b}.
? give b a x
After a while {b} gave the {x} back to {a}.
? job b
{B} was {a b.job}.
{B} worked as {a b.job}.

== mini a:child x:toy p:in q:out
- own a x; at a p
{A} took the {x} and went to {p}.
- leave a x p
There {a.he} forgot the {x} and left it {in.p}.
But {a.he} left the {x} {in.p}.
|
After playing, {a.he} left the {x} {in.p}.
{A} left the {x} {in.p}.
- go a q
Then {a} went to {q}.
Later {a.he} went to {q}.
Then {a.he} walked to {q}.
- why a the {x} was gone
{A} was sad because the {x} was gone.
? animal a
{A} had {a a.animal}.

== mini a:person p:in q:out x:small
? weather
It was a {weather} day in {town}.
- at a p
{A} was {in.p}.
- lies x q; go a q
One day {a.he} went to {q}.
Then {a.he} walked to {q}.
Later {a} went to {q}.
- find a x q
There {in.q}, {a.he} found {a x}.
{A} found {a x} {in.q}.
- felt a
{A} was {a.mood}.
{A} felt {a.mood}.
`
