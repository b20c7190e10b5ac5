//go:build !js

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/models"
)

// openChatPage opens the page and, as a file of the reader's, a model that can be talked to.
func openChatPage(t testing.TB) *page {
	t.Helper()
	model, err := models.ChatFixture(models.FixtureConfig, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := servePage(t, "", map[string]http.HandlerFunc{"/chat.gguf": func(w http.ResponseWriter, _ *http.Request) { w.Write(model) }})
	p.do(`await until(() => !document.querySelector("#recorded").hidden, "the recording"); await loaded()`)
	p.do(openChat)
	return p
}

// openChat drops the model, and says how to talk to it.
const openChat = `
	globalThis.store = await import("/some/where/store.js")
	globalThis.say = async (what) => {
		await idle();
		await drawn(); // until then a message is not taken
		const before = store.state.chat;
		select("#message", what);
		document.querySelector("#message").dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true}));
		await until(() => store.state.chat !== before && !store.state.chat.asking, "the end of the turn");
		await drawn();
	}
	globalThis.drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
	globalThis.pressed = async (selector) => {
		await until(() => !document.querySelector(selector).disabled, selector);
		click(selector);
		await drawn();
	}
	globalThis.answers = () => [...document.querySelectorAll(".turn")].map((t) => t.querySelector(".answer span").textContent)
	globalThis.facts = () => [...document.querySelectorAll(".turn .facts")].map((t) => t.textContent)
	globalThis.openChat = async () => {
		const before = store.state.loaded;
		await drop("chat.gguf"); await until(() => store.state.loaded !== before, "the model"); await idle();
	}
	await openChat()`

// A model that can be talked to opens the chat, and its turns go on over the compressed cache.
func TestPageChats(t *testing.T) {
	p := openChatPage(t)
	mode := `return text("#prompt-view [data-mode][aria-checked=true]")`
	p.want("the mode of a model that can be talked to", mode, "Chat")
	p.do(`await choose({method: "window", n: 7, seed: 3}); setField("Temperature", "0.9"); select("#system", "Be short.")
		await say("Where does the key lie?"); await say("Under which stone, and who put it there?"); await say("Why?")`)
	if again := p.do(`return store.state.chat.note`); again != "" {
		t.Errorf("a chat that goes on says %q", again)
	}
	p.want("the three answers", `return answers().filter((a) => a.length > 1).length`, "3")
	// The system's message and the user's are read in the first turn, in the later ones only what is new.
	p.want("the first turn", `return facts()[0]`, "Turn 1: read ")
	for i, want := range []string{"Turn 2: read ", "Turn 3: read "} {
		p.want("a later turn", `return facts()[`+string(rune('1'+i))+`]`, want)
		p.want("a later turn", `return facts()[`+string(rune('1'+i))+`]`, "the other ")
	}
	p.want("what is read in the last turn", `const t = store.state.chat.turns.map((t) => t.turn); return t[2].read < t[1].read && t[1].read + t[0].tokens <= t[1].tokens && t[2].tokens > t[1].tokens`, "true")
	p.want("the whole conversation", `return document.querySelectorAll("#fade-view .strip span").length - store.state.chat.turns[2].turn.tokens`, "0")
	p.want("its control tokens", `return text("#fade-view .strip")`, "<|im_start|>")
	p.want("what was dropped", `return [...document.querySelectorAll("#fade-view .strip span")].filter((s) => shade(s) === 0).length > 20`, "true")
	p.want("the last answer beside the full cache's", `return tokens().join("") === answers()[2] && text("#texts-view .columns > div:last-child") !== "Full cache"`, "true")
	p.want("the conversation for those who hear it", `const log = document.querySelector("#prompt-view [role=log]"); return log.getAttribute("aria-label") + log.getAttribute("aria-busy")`, "Conversationfalse")
	p.chatPictures()

	p.noFaults()
}

// A link to a chat has its turns again, and so has the next message once the engine has
// lost the cache.
func TestPageChatsAgainFromALink(t *testing.T) {
	p := openChatPage(t)
	p.do(`await choose({method: "window", n: 5, seed: 3}); setField("Temperature", "0.9"); select("#system", "Be short.")
		await say("Where does the key lie?"); await say("Why?")`)
	before := p.do(`return answers().join("|")`)
	p.do(`await openChat(); await say("again")`)
	p.want("why it began again", `return text("#prompt-view [role=status]")`, "began again from its first turn: the engine no longer has its cache")
	p.want("the turns before", `return answers().slice(0, 2).join("|")`, before)
	hash := p.do(`return location.hash`)
	if strings.Count(hash, "say=") != 3 || strings.Contains(hash, "prompt=") {
		t.Errorf("the link is %s", hash)
	}
	all := p.do(`return answers().join("|")`)
	p.do(`location.reload()`)
	p.wait()
	p.do(`await until(() => text("#fault-model").includes("was made with"), "the wish for the model"); await loaded(); ` + openChat + `; await until(() => store.state.chat.turns.length === 3 && !store.state.chat.asking, "the turns of the link"); await idle()`)
	p.want("the chat of the link", `return answers().join("|") + document.querySelector("#system").value`, all+"Be short.")
	p.noFaults()
}

// chatPictures keeps pictures of the chat, at two widths.
func (p *page) chatPictures() {
	p.t.Helper()
	folder := filepath.Join("..", "..", "build", "screenshots")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		p.t.Fatal(err)
	}
	for _, width := range []int{1280, 390} {
		if err := p.Resize(width, 900); err != nil {
			p.t.Fatal(err)
		}
		p.do(`await until(() => document.documentElement.scrollWidth <= innerWidth, "a page that fits"); document.querySelector("#prompt").scrollIntoView()`)
		picture, err := p.Picture(false)
		if err != nil {
			p.t.Fatal(err)
		}
		name := map[int]string{1280: "chat-1280.png", 390: "chat-390.png"}[width]
		if err := os.WriteFile(filepath.Join(folder, name), picture, 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

// What changes a chat begins it again and says so; what cannot be is refused, and nothing
// that was typed is lost.
func TestPageBeginsAChatAgain(t *testing.T) {
	p := openChatPage(t)
	p.do(`await choose({method: "window", n: 5, seed: 3}); await say("one"); await say("two"); await say("three")`)
	status := `return text("#prompt-view [role=status]")`

	// Another setting.
	p.do(`setField("Budget", "0.3"); await drawn()`)
	p.want("another budget", status, "With other settings the chat begins again")
	p.do(`await say("four")`)
	p.want("another budget", status, "began again from its first turn: the method or a setting has changed")
	p.want("the turns", `return store.state.chat.turns.map((t) => t.turn.index + t.said).join()`, "0one,1two,2three,3four")

	// The one control.
	p.do(`await slide(80); await until(() => store.state.chat.turns.length === 4 && !store.state.chat.asking, "the turns")`)
	p.want("the control", `return store.state.run.plan.ratio > 0.5 && store.state.form.budget`, "0.8")

	// A message is changed: it is in the field again, and those behind it are gone.
	p.do(`document.querySelectorAll(".turn button")[1].click(); await drawn()`)
	p.want("the message to be changed", `return document.querySelector("#message").value + document.activeElement.id + document.querySelectorAll(".turn").length`, "twomessage1")
	p.do(`await say("zwei")`)
	p.want("a changed message", status, "an earlier message has changed")
	p.want("the turns", `return store.state.chat.turns.map((t) => t.turn.index + t.said).join()`, "0one,1zwei")

	// A run of a text takes the engine's cache.
	p.do(`click("#prompt-view [data-mode=text]"); select("#prompt-text", "A bird sat in a tree."); await press(); await idle()
		click("#prompt-view [data-mode=chat]"); await say("three")`)
	p.want("behind a text", status, "the engine no longer has its cache")
	p.want("the turns", `return store.state.chat.turns.map((t) => t.turn.index + t.said).join()`, "0one,1zwei,2three")

	// Stop while it writes: the answer ends there, and the chat goes on.
	p.do(`setField("Length", "200"); setField("Temperature", "1"); await pressed("#new-chat"); select("#message", "long")
		await pressed("#send"); await until(() => store.state.chat.turns.length === 1 && store.state.run.tokens.length > 2, "tokens"); await pressed("#stop-chat")
		await until(() => !store.state.chat.asking, "the end")
		setField("Length", "200"); await say("and then?")`)
	p.want("behind a stopped answer", `return store.state.chat.turns.length + " " + store.state.chat.note + store.state.chat.turns[1].turn.index`, "2 1")

	// Shift+Enter and an input method's Enter send nothing.
	p.do(`select("#message", "not yet")
		for (const key of [{shiftKey: true}, {isComposing: true}])
			document.querySelector("#message").dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true, ...key}));
		await drawn()`)
	p.want("a draft", `return document.querySelector("#message").value + document.querySelectorAll(".turn").length`, "not yet2")

	// What does not fit into the context goes back into the field.
	p.do(`setField("Length", "5"); await say("x ".repeat(2000))`)
	p.want("a message that is too long", `return text("#fault-messages")`, "begin a new chat")
	p.want("its text", `return document.querySelector("#message").value.length`, "4000")

	// A chat that is too long for a link, and for the address bar.
	p.do(`store.setForm({messages: Array(9).fill("a".repeat(1000))}); await pressed("#copy-link"); await until(() => text("#status") !== "", "the refusal")`)
	p.want("a link that is too long", `return text("#status")`, "too long for a link")

	// A model that cannot be talked to.
	p.do(`select("#message", ""); await pressed("#new-chat"); const before = store.state.loaded
		await drop("other.gguf"); await until(() => store.state.loaded !== before, "the other model"); await idle(); await drawn()`)
	p.want("its mode", `return text("#prompt-view [data-mode][aria-checked=true]")`, "Text")
	p.do(`click("#prompt-view [data-mode=chat]"); await until(() => text("[data-fault=mode]") !== "", "the refusal")`)
	p.want("why", `return text("[data-fault=mode]") + text("#prompt-view [data-mode][aria-checked=true]")`, "No chat: the model has no chat template")
	p.noFaults()
}
