// The search box: words, pictures, sounds and items become one query.

import { item as fetchItem, suggest, summaryOf } from "./api.js";
import { h, icon } from "./dom.js";
import { currentRoute, navigate } from "./navigation.js";
import { playButton } from "./player.js";
import { DRAGGED_ITEM, WEIGHTS, uploadOf, uploadPart, weighted } from "./query.js";
import { canRecord, record } from "./recorder.js";

const MAX_PARTS = 10;
const PAUSE_MS = 120; // between two keys, before completions are asked for
const form = document.getElementById("search");
const input = document.getElementById("q");
const list = document.getElementById("parts");
const hint = document.getElementById("hint");
const drop = document.getElementById("drop");
const completions = document.getElementById("completions");
const known = new Map(); // items seen in this page, by external_id: names for the chips
let others = []; // the parts that are not the words in the box
let boxWeight = 1; // of the words in the box

function say(text) {
  hint.textContent = text;
}

function search(parts) {
  say("");
  if (parts.length > MAX_PARTS) say(`A query can have ${MAX_PARTS} parts; remove one first.`);
  else if (parts.length === 0) navigate({ view: "home" });
  else if (parts.every((part) => part.weight < 0)) say("Say also what it should be like: every part here is “not like”.");
  else navigate({ view: "search", parts });
}

function composed() {
  const text = input.value.trim();
  return text ? [weighted({ text }, boxWeight), ...others] : [...others];
}

/** Add a part to what is there and search; `item` gives its name and picture. */
export function addToQuery(part, item = null) {
  if (item) known.set(item.external_id, item);
  const key = JSON.stringify(part);
  if (others.some((other) => JSON.stringify(weighted(other, 1)) === key)) return;
  search([...composed(), part]);
}

function addFile(file) {
  const modality = ["image", "audio"].find((name) => file.type.startsWith(`${name}/`));
  if (modality) addToQuery(uploadPart(modality, file));
  else say(`“${file.name}” is neither a picture nor a sound.`);
}

function remove(index) {
  const parts = [...(currentRoute().parts ?? [])];
  const [gone] = parts.splice(index, 1);
  if (gone.text) input.value = "";
  search(parts);
}

function itemLabel(id) {
  const label = h("span", {}, known.get(id)?.title ?? id);
  const thumb = h("span", { class: "thumb" }, icon("similar"));
  const fill = (item) => {
    known.set(id, item);
    label.textContent = item.title;
    if (item.image) thumb.replaceChildren(h("img", { src: item.image, alt: "" }));
  };
  if (known.has(id)) fill(known.get(id));
  else fetchItem(id).then((item) => fill(summaryOf(item)), () => {});
  return [thumb, label];
}

function partLabel(part) {
  if (part.text) return ["words", [icon("words"), h("span", {}, part.text)]];
  if (part.item) return ["item", itemLabel(part.item)];
  const { modality, file, url } = uploadOf(part.upload);
  const name = h("span", {}, file.name);
  if (modality === "audio") return ["audio", [playButton(url, file.name, "play small"), name]];
  return ["image", [h("span", { class: "thumb" }, h("img", { src: url, alt: "" })), name]];
}

/** How much a part counts, to choose from. */
function weightOf(part, index, name) {
  const options = WEIGHTS.map(([value, words]) => h("option", { value, selected: value === (part.weight ?? 1) }, words));
  const choose = h("select", { class: "weight", onchange: () => reweigh(index, Number(choose.value)) }, options);
  choose.addEventListener("focus", () => choose.setAttribute("aria-label", `How much ${name()} counts`), { once: true });
  choose.setAttribute("aria-label", "How much this counts");
  return choose;
}

function reweigh(index, weight) {
  const parts = [...(currentRoute().parts ?? [])];
  parts[index] = weighted(parts[index], weight);
  search(parts);
}

/** Show the query of a place: the first words in the box, everything as chips. */
export function showQuery(parts) {
  const first = parts.findIndex((part) => part.text);
  input.value = first >= 0 ? parts[first].text : "";
  boxWeight = parts[first]?.weight ?? 1;
  others = parts.filter((_, index) => index !== first);
  say("");
  list.hidden = parts.length === 0;
  list.replaceChildren(
    ...parts.map((part, index) => {
      const [kind, label] = partLabel(part);
      const name = () => label.at(-1).textContent;
      const close = h("button", { type: "button", class: "remove", onclick: () => remove(index) }, icon("close"));
      close.append(h("span", { class: "visually-hidden" }, `Remove ${name()}`));
      const against = part.weight < 0 ? " against" : "";
      return h("li", { class: `part ${kind}${against}` }, weightOf(part, index, name), label, close);
    }),
  );
}

function pickWith(buttonId, inputId) {
  const files = document.getElementById(inputId);
  document.getElementById(buttonId).addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    if (files.files[0]) addFile(files.files[0]);
    files.value = ""; // the same file can be chosen again
  });
}

function recordWith(button) {
  let recording = null;
  button.hidden = !canRecord();
  const looks = (on) => {
    button.setAttribute("aria-pressed", String(on));
    button.replaceChildren(icon(on ? "stop" : "mic"));
  };
  button.addEventListener("click", async () => {
    if (recording) {
      recording.stop();
      return;
    }
    try {
      recording = await record();
      looks(true);
      say("Listening… press again to search.");
      addFile(await recording.file);
    } catch (error) {
      say(`The microphone cannot be used: ${error.message}`);
    } finally {
      recording = null;
      looks(false);
    }
  });
}

function dropAnywhere() {
  const wanted = (event) => ["Files", DRAGGED_ITEM].some((type) => event.dataTransfer.types.includes(type));
  let depth = 0;
  const hide = () => {
    depth = 0;
    drop.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!wanted(event)) return;
    depth += 1;
    drop.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!wanted(event)) return;
    depth -= 1;
    if (depth <= 0) hide();
  });
  addEventListener("dragover", (event) => wanted(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    hide();
    const id = event.dataTransfer.getData(DRAGGED_ITEM);
    if (id) addToQuery({ item: id });
    else if (event.dataTransfer.files[0]) addFile(event.dataTransfer.files[0]);
  });
  addEventListener("dragend", hide);
}

function pasteAnywhere() {
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    addFile(file);
  });
}

function slashFocuses() {
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

/** Complete what is typed from the catalog's own titles, tags and categories. */
function completeWords() {
  let waiting = null;
  input.addEventListener("input", (event) => {
    clearTimeout(waiting?.timer);
    waiting?.asked.abort();
    const words = input.value.trim();
    // a chosen completion arrives as an input too
    if (!words || event.inputType === "insertReplacementText") return;
    const asked = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const found = await suggest(words, asked.signal);
        completions.replaceChildren(...found.map(({ text, kind }) => h("option", { value: text }, kind)));
      } catch {
        // typing goes on without
      }
    }, PAUSE_MS);
    waiting = { timer, asked };
  });
}

/** Wire the box up, once. */
export function startComposer() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const parts = composed();
    if (parts.length === 0) input.focus();
    else {
      if (matchMedia("(pointer: coarse)").matches) input.blur(); // the keyboard hides the results
      search(parts);
    }
  });
  pickWith("pick-image", "image-file");
  pickWith("pick-audio", "audio-file");
  recordWith(document.getElementById("record"));
  dropAnywhere();
  pasteAnywhere();
  slashFocuses();
  completeWords();
}
