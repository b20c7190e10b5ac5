// presets.js: texts to begin with, in the style of the built-in model's corpus
// (corpus): plain sentences, and questions in the form that it was taught.

/**
 * What a fact can be hidden in: sentences, in paragraphs that end with a line
 * break. Among them are other facts, so that the hidden one is not the only
 * thing that could be asked for.
 * @type {string[]}
 */
const text = [
    "One clear morning two brothers met to play.",
    "They jumped over the water again and again.",
    "Tom keeps his kite in the attic.",
    "Nobody wanted to stop.\n",
    "A tall woman got up before the sun because there was much work.",
    "She washed shirts and hung them up in the sun.",
    "Ruth's kettle is in the kitchen.",
    "Leo works as a baker.",
    "In the end everything was clean and in order.\n",
    "On a warm afternoon June and a friend sat in the sun.",
    "Otto always has his hammer in the workshop.",
    "Ida has a goat as a pet.",
    "They said goodbye and promised to write.\n",
    "Winter had come, and snow lay on the hills.",
    "People got up late and went to bed early.",
    "Anna's umbrella is in the church.",
    "Paul lives in Oakvale.",
    "It would not stay like that for long.\n",
    "On a sunny afternoon a stranger walked along the water.",
    "The path went up and down between the trees.",
    "In the stable you can find Victor's bucket.",
    "Now and then he stopped and listened.",
    '"What a fine afternoon," he said to nobody.\n',
    "Kate had much to do that evening.",
    "She cut wood and carried it inside.",
    "Bruno keeps his drum in the tower.",
    "Nora's favorite color is green.",
    '"Half of it is done," she said.',
    "The rest could wait until the next day.\n",
    "The children played outside all morning.",
    "They climbed up the hill and rolled down again.",
    "Lily's mirror is in the library.",
    "Felix works as a tailor.",
    '"You can never catch me!" one of them called.',
    "Then it was time to go home.\n",
    "Spring came late that year.",
    "The water was clear and cold.",
    "Hugo always has his rope in the mill.",
    "Clara was born in Redport.",
    "Everyone was busy, and the days went by fast.\n",
    "Dora sat by the window and looked out.",
    "The room was small, but it was warm and clean.",
    "Ben keeps his book in the school.",
    "Iris has a parrot at home.",
    "After that she slept very well.\n",
    "For hours a few travelers had walked through the hills.",
    "A strong wind blew in their faces.",
    "Walter's basket is in the cellar.",
    "They looked for a bench to rest.",
    "At last they saw lights.\n",
];
const inShort = 13;

/** What is hidden until the reader writes a fact of their own. */
export const hidden = {
    fact: "Mara keeps her lantern in the barn.",
    answer: "barn",
    question: "Question: Where does Mara keep her lantern?\nAnswer:",
};

/**
 * The text with a sentence of the reader's own in it.
 * @param {string} fact
 * @param {number} depth  0: at the beginning, 1: at the end
 * @param {boolean} long
 */
export function hideFact(fact, depth, long) {
    const sentences = long ? text : text.slice(0, inShort);
    const at = Math.round(depth * sentences.length);
    return [...sentences.slice(0, at), fact.trim(), ...sentences.slice(at), "\n"]
        .filter((s) => s !== "")
        .join(" ")
        .replace(/\s*\n\s*/g, "\n");
}

/** Where the table of found and forgotten hides a fact, as hideFact counts. */
export const depths = [0.25, 0.5, 0.75, 1];

/** Where hideFact's sentence lies in the text, in bytes. @param {string} prompt @param {string} fact */
export function findFact(prompt, fact) {
    const wanted = fact.trim();
    const at = wanted === "" ? -1 : prompt.indexOf(wanted);
    if (at < 0) return null;
    const encoder = new TextEncoder();
    const from = encoder.encode(prompt.slice(0, at)).length;
    return { from, to: from + encoder.encode(wanted).length };
}

/**
 * Whether the answer is in the first line that was written. The lines after it
 * are other questions that the model asks itself. The same as isFound in
 * session/needle.go, which fills the table.
 * @param {string} written
 * @param {string} answer
 */
export function isFound(written, answer) {
    return written.trimStart().split("\n")[0].toLowerCase().includes(answer.trim().toLowerCase());
}

/** @typedef {{key: string, label: string, prompt: string, question: string}} Preset */

/** @type {Preset[]} */
export const presets = [
    { key: "fact", label: "Hide a fact", prompt: "", question: "" },
    {
        key: "story",
        label: "A story",
        prompt:
            "It happened in Oakvale on a windy day in April. Our story is about a girl called Clara. For her birthday Clara had got a violin.\n" +
            "After breakfast Clara took the violin and went to the river. A light wind moved the leaves. But on the way Clara lost the violin. " +
            "Clara was sad because the violin was lost. Clara looked under every stone.\n" +
            "That day Hugo was working in the mill. Hugo looked down and",
        question: "",
    },
    {
        key: "sums",
        label: "Arithmetic",
        prompt:
            "Question: Tom has 12 apples. Ella gives him 5 more. How many apples does Tom have now?\n" +
            "Answer: Tom has 12 + 5 = 17 apples. The answer is 17.\n" +
            "Question: A cup costs 6 coins. Isaac buys 7 cups. How many coins does he pay?\n" +
            "Answer: Isaac pays 6 * 7 = 42 coins. The answer is 42.\n" +
            "Question: Nora's book has 18 pages. She has read 11 of them. How many pages are left?\n" +
            "Answer: 18 - 11 = 7 pages are left. The answer is 7.\n" +
            "Question: Bella has 8 plums. Rose has half as many. How many plums do they have together?\n" +
            "Answer: Rose has 8 / 2 = 4 plums. Together they have 8 + 4 = 12. The answer is 12.\n",
        question: "Question: Liam has 9 keys. Adam gives him 6 more. How many keys does Liam have now?\nAnswer:",
    },
    { key: "free", label: "Free text", prompt: "", question: "" },
];
