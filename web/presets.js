// presets.js: texts to begin with. Short sentences with the words of small
// children's stories, because that is what the smallest models know.

/** What a fact can be hidden in; a model of 260 thousand parameters loses it in more than the first few. @type {string[]} */
const story = [
    "Once upon a time, there was a little boy named Tim.",
    "One day, a girl named Sue came to the park.",
    "She saw a bird in a tall tree.",
    "The bird was sad because it could not find its nest.",
    "Sue looked under the tree and behind the rocks.",
    "Then she saw a nest on the ground.",
    "Her mom put the nest back in the tree.",
    "The bird was very happy and sang a song.",
    "Sue had a dog named Max, and he liked to run after the ball.",
    "They lived in a small house near a big forest.",
    "It was a sunny day, and the sky was blue.",
    "In the evening they went home and had soup for dinner.",
    "That night she told her dad about the bird.",
    "Her dad smiled and gave her a big hug.",
];
const shortStory = 4;

/**
 * The story with a sentence of the reader's own in it.
 * @param {string} fact
 * @param {number} depth  0: at the beginning, 1: at the end
 * @param {boolean} long
 */
export function hideFact(fact, depth, long) {
    const text = long ? story : story.slice(0, shortStory);
    const at = Math.round(depth * text.length);
    return [...text.slice(0, at), fact.trim(), ...text.slice(at)].filter((s) => s !== "").join(" ");
}

/** Where hideFact's sentence lies in the text, in bytes. @param {string} prompt @param {string} fact */
export function findFact(prompt, fact) {
    const wanted = fact.trim();
    const at = wanted === "" ? -1 : prompt.indexOf(wanted);
    if (at < 0) return null;
    const encoder = new TextEncoder();
    const from = encoder.encode(prompt.slice(0, at)).length;
    return { from, to: from + encoder.encode(wanted).length };
}

/** @typedef {{key: string, label: string, prompt: string, question: string}} Preset */

/** @type {Preset[]} */
export const presets = [
    { key: "fact", label: "Hide a fact", prompt: "", question: " Tim was hungry. He wanted to eat his" },
    { key: "story", label: "A story", prompt: story.slice(0, 8).join(" "), question: "" },
    {
        key: "sums",
        label: "Arithmetic",
        prompt: "2 + 2 = 4. 3 + 1 = 4. 4 + 5 = 9. 1 + 1 = 2. 6 + 2 = 8. 5 + 2 = 7. 3 + 3 = 6. 7 + 2 = 9. 4 + 4 = 8. 1 + 6 = 7.",
        question: " 5 + 3 =",
    },
    { key: "free", label: "Free text", prompt: "", question: "" },
];
