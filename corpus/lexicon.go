package corpus

import "strings"

// A list is words of one kind. The held-out ones are used in evaluation only.
type list struct{ train, held []string }

// words makes a list from words separated by commas; those after a bar are
// held out.
func words(s string) list {
	train, held, _ := strings.Cut(s, "|")
	split := func(s string) []string {
		var out []string
		for w := range strings.SplitSeq(s, ",") {
			if w = strings.TrimSpace(w); w != "" {
				out = append(out, w)
			}
		}
		return out
	}
	l := list{split(train), split(held)}
	for _, w := range l.held {
		heldOut[w] = true
	}
	return l
}

// heldOut has every held-out word, of all lists.
var heldOut = map[string]bool{}

// hasHeldOut says whether a text uses a held-out word. A held-out word is one
// that no list trains on.
func hasHeldOut(text string) bool {
	for w := range heldOut {
		if containsWord(text, w) {
			return true
		}
	}
	return false
}

// containsWord says whether a text has a word or phrase between other than letters.
func containsWord(text, word string) bool {
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		if (i == 0 || !letter(text[i-1])) && (end == len(text) || !letter(text[end])) {
			return true
		}
		from = i + 1
	}
}

// The world. Words that two files need are here; the others are beside their
// frames.
var (
	women = words(`Mara, Lily, Anna, Rosa, Nell, Ida, Clara, Ruth, Alma, Tess, Vera, Hana, Lena, Dora, Freya, Maya, Edith, Pia, Nora, Olive,
		Ada, Bella, Cora, Daisy, Ella, Flora, Greta, Hazel, Iris, June, Kate, Lucy, Mina, Nina, Penny, Rose, Sally, Tina, Una, Wendy | Zadie, Imke, Petra, Sunniva`)
	men = words(`Tom, Ben, Hugo, Otto, Sam, Karl, Amos, Finn, Jonas, Theo, Rolf, Emil, Milo, Paul, Oscar, Ivan, Leo, Max, Felix, Noah,
		Adam, Bruno, Carl, David, Eli, Frank, George, Henry, Isaac, Jack, Kurt, Liam, Martin, Nico, Peter, Ralph, Simon, Tim, Victor, Walter | Caspar, Boris, Ansel, Ulrich`)
	colors = words(`red, blue, green, yellow, white, black, brown, grey, pink, purple, orange, silver, golden | crimson, turquoise`)
	things = words(`lantern, key, rope, kettle, basket, map, whistle, hammer, blanket, drum, mirror, candle, bell, cup, spoon, knife, ladder, umbrella, button, ring,
		bottle, brush, bucket, chair, clock, coat, coin, comb, doll, feather, flute, hat, jar, kite, letter, needle, pillow, plate, pot, scarf, shell, shovel, stone, ticket, torch, trumpet, vase, wheel, violin, book | compass, thimble, anvil, telescope`)
	places = words(`barn, kitchen, cellar, attic, garden, school, library, bakery, harbor, mill, forest, church, market, station, stable, tower, bridge, cave, castle, farm,
		field, hut, inn, island, lake, meadow, museum, office, park, pond, river, shop, street, theater, village, well, workshop, yard | lighthouse, quarry, chapel, orchard`)
	animals = words(`dog, cat, goat, horse, hen, duck, rabbit, mouse, owl, fox, sheep, cow, pig, parrot, frog, turtle, donkey, goose, bear, squirrel | hedgehog, falcon`)
	foods   = words(`bread, soup, cheese, apples, honey, plums, rice, pie, cake, eggs, pears, beans, fish, cherries, nuts, carrots, porridge, pancakes, potatoes, grapes | figs, dumplings`)
	towns   = words(`Elmford, Northbay, Greyhill, Oakvale, Redport, Millbrook, Stonefield, Westmere, Ashton, Briarwood, Coldwater, Deepwell, Eastgate, Fairview, Highmoor, Longbridge, Marsh End, Newhaven, Rockford, Summerton | Thornbury, Saltmarsh`)
)
