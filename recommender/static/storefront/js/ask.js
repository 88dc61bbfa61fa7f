// The ask box: questions and answers as a conversation, each answer written as it comes.
//
// The form works without this. What the server gives is put in as text, never as markup.

import { h, icon } from "./dom.js";

const root = document.documentElement.dataset;
const form = document.getElementById("ask");
const thread = document.getElementById("ask-thread");
const again = document.getElementById("ask-again");
const examples = document.querySelector(".ask-examples");
const words = JSON.parse(document.getElementById("ask-words")?.textContent ?? "{}");
const MARK = /\[(\d+)\]/;
let turns = 0; // so that the marks of each answer lead to its own items
let asking = null; // ends the answer being written
let attached = null; // {modality, file} that goes with the next question

const language = () => document.getElementById("language")?.value ?? document.documentElement.lang;
const worded = (phrase, values = {}) => (words[phrase] ?? phrase).replace("{title}", () => values.title ?? "");

/** Events of a response body: `[name, data]` as each is complete. */
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const [name, data] = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        yield [name.slice("event: ".length), JSON.parse(data.slice("data: ".length))];
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // whoever asks anew does not wait for the old answer
  }
}

/** A text with its marks as links to the items of turn `turn`. */
function marked(text, turn, citations) {
  const known = new Set(citations.map(({ mark }) => String(mark)));
  return text.split(MARK).map((part, at) => {
    if (at % 2 === 0) return part;
    if (!known.has(part)) return `[${part}]`;
    return h("a", { class: "ask-mark", href: `#cited-${turn}-${part}`, onclick: (event) => pointAt(event, turn, part) }, part);
  });
}

function pointAt(event, turn, mark) {
  event.preventDefault();
  const cited = document.getElementById(`cited-${turn}-${mark}`);
  thread.querySelectorAll(".told").forEach((other) => other.classList.remove("told"));
  cited.classList.add("told");
  cited.scrollIntoView({ block: "nearest", inline: "center" });
  cited.querySelector("a").focus({ preventScroll: true });
}

function citation({ mark, item }, turn) {
  const image = item.image ? h("img", { src: item.image, alt: "", loading: "lazy" }) : icon("sound");
  const address = `${root.home}items/${encodeURIComponent(item.external_id).replaceAll("%3A", ":")}/?lang=${language()}`;
  return h(
    "li",
    { id: `cited-${turn}-${mark}`, "data-id": item.external_id },
    h("a", { href: address, lang: item.language }, h("span", { class: "ask-picture" }, image), h("span", { class: "ask-title" }, item.title)),
    item.audio ? h("audio", { src: item.audio, controls: true, preload: "none", "aria-label": worded("sounds", { title: item.title }) }) : null,
  );
}

/** One turn in the thread: `{cite, write, end}` fill its answer. */
function newTurn(question, file) {
  turns += 1;
  const turn = turns;
  const text = h("p", { class: "ask-text" }, worded("thinking"));
  const list = h("ol", { class: "ask-cited", "aria-label": worded("sources"), hidden: true });
  const answer = h("div", { class: "ask-answer", "aria-busy": "true" }, text, list);
  const asked = [h("span", { class: "visually-hidden" }, `${worded("you")}: `), question, file ? ` 📎 ${file.name}` : ""];
  thread.append(h("article", { class: "ask-turn" }, h("p", { class: "ask-question" }, asked), answer));
  answer.scrollIntoView({ block: "nearest" });
  let written = "";
  let citations = [];
  const draw = () => text.replaceChildren(...marked(written, turn, citations));
  return {
    cite(found) {
      citations = found;
      list.replaceChildren(...citations.map((each) => citation(each, turn)));
      list.hidden = citations.length === 0;
    },
    write(piece) {
      written += piece;
      draw();
    },
    /** The whole of it, as it was checked. */
    end(whole) {
      written = whole.answer;
      answer.lang = whole.language;
      if (whole.refused) answer.dataset.refused = "";
      const note = whole.source === "llm" ? "written" : whole.degraded ? "degraded" : null;
      draw();
      if (note) text.after(h("p", { class: "ask-note" }, worded(note)));
      answer.removeAttribute("aria-busy");
      answer.scrollIntoView({ block: "nearest" });
    },
    fail(detail) {
      written = detail || worded("failed");
      answer.dataset.refused = "";
      draw();
      answer.removeAttribute("aria-busy");
    },
  };
}

function requestOf(question, file) {
  const history = form.elements.history.value;
  const body = { stream: true, lang: language(), ...(question ? { question } : {}), ...(history ? { history } : {}) };
  const headers = { Accept: "text/event-stream, application/json" };
  if (!file) return { body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" } };
  const sent = new FormData();
  sent.set("body", JSON.stringify({ ...body, attachments: [{ [file.modality]: "file0" }] }));
  sent.set("file0", file.file, file.file.name);
  return { body: sent, headers };
}

async function ask(question, file) {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  examples.hidden = true;
  again.hidden = false;
  const turn = newTurn(question, file?.file);
  try {
    const url = new URL("ask/", new URL(root.api, location.href));
    const response = await fetch(url, { method: "POST", credentials: "omit", signal: mine.signal, ...requestOf(question, file) });
    if (!response.ok) {
      const problem = await response.json().catch(() => ({}));
      if (problem.errors?.history) form.elements.history.value = "";
      turn.fail(problem.detail);
      return;
    }
    let ended = false;
    for await (const [name, data] of eventsOf(response)) {
      if (name === "items") turn.cite(data.citations);
      if (name === "text") turn.write(data.text);
      if (name === "done") {
        ended = true;
        turn.cite(data.citations);
        turn.end(data);
        form.elements.history.value = data.history;
      }
    }
    if (!ended) turn.fail("");
  } catch (error) {
    turn.fail(error.name === "AbortError" ? "…" : "");
  }
}

function attach(file) {
  const modality = ["image", "audio"].find((name) => file.type.startsWith(`${name}/`));
  detach();
  if (!modality) {
    document.getElementById("ask-hint").textContent = worded("neither");
    return;
  }
  attached = { modality, file };
  const close = h("button", { type: "button", class: "remove", "aria-label": `${worded("detach")} ${file.name}`, onclick: detach }, icon("close"));
  form.querySelector(".go").before(h("span", { class: "ask-attached" }, h("span", {}, file.name), close));
}

function detach() {
  attached = null;
  form.querySelector(".ask-attached")?.remove();
}

function start() {
  const question = form.elements.question;
  const files = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp,image/gif,audio/*", hidden: true });
  const pick = h("button", { type: "button", class: "tool image", title: worded("attach"), "aria-label": worded("attach"), onclick: () => files.click() }, icon("image"));
  files.addEventListener("change", () => {
    if (files.files[0]) attach(files.files[0]);
    files.value = "";
  });
  form.dataset.live = "";
  form.querySelector(".go").before(files, pick);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (!text && !attached) return question.focus();
    const file = attached;
    question.value = "";
    detach();
    ask(text, file);
  });
  again.addEventListener("click", (event) => {
    event.preventDefault();
    asking?.abort();
    form.elements.history.value = "";
    thread.replaceChildren();
    examples.hidden = false;
    again.hidden = true;
    question.focus();
  });
  examples.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-ask]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    ask(link.textContent, null);
  });
}

if (form) start();
