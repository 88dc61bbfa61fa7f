// The search box: words, pictures, sounds and items become one query.

import { suggest } from "./api.js";
import { startArrivals } from "./arrivals.js";
import { h } from "./dom.js";
import { gettext } from "./i18n.js";
import { amend, currentRoute, navigate, refresh } from "./navigation.js";
import { introduce, showParts } from "./parts.js";
import { MODES, samePart, uploadPart, weighted } from "./query.js";

const MAX_PARTS = 10;
const PAUSE_MS = 120; // between two keys, before completions are asked for
const REST_MS = 350; // after a weight was moved, before it is searched with
const AGAINST = -1; // what "less like" begins with
const form = document.getElementById("search");
const input = document.getElementById("q");
const hint = document.getElementById("hint");
const completions = document.getElementById("completions");
const adding = document.getElementById("add-words");
let others = []; // the parts that are not the words in the box
let boxWeight = 1; // of the words in the box
let resting = null;

function say(text) {
  hint.textContent = text;
}

/** What refines the place: it stays when the parts change. */
function refinement(parts) {
  const { view, parts: before, filters, modalities, mode, read, unread } = currentRoute() ?? {};
  if (view !== "search") return { filters: {}, modalities: null, mode: MODES[0] };
  const words = (some) => some.flatMap(({ text }) => text ?? []).join("\n");
  // other words are another sentence
  return { filters, modalities, mode, ...(words(before) === words(parts) ? { read, unread } : {}) };
}

const wanted = (part) => (part.weight ?? 1) > 0;

function search(parts) {
  say("");
  if (parts.length > MAX_PARTS) say(gettext("A query can have {most} parts; remove one first.", { most: MAX_PARTS }));
  else if (parts.length === 0) navigate({ view: "home" });
  else if (!parts.some(wanted)) say(gettext("Say also what it should be like: no part here is “like”."));
  else navigate({ view: "search", parts, ...refinement(parts) });
}

function composed() {
  const text = input.value.trim();
  return text ? [weighted({ text }, boxWeight), ...others] : [...others];
}

/**
 * Add a part to what is there and search, or change its weight if it is there already; `item` gives its
 * name and picture.
 */
export function addToQuery(part, item = null) {
  if (item) introduce(item);
  const parts = composed();
  const at = parts.findIndex((other) => samePart(other, part));
  if (at < 0) search([...parts, part]);
  else if ((parts[at].weight ?? 1) !== (part.weight ?? 1)) search(parts.with(at, part));
}

/** Look for what is less like an item, among what is looked for now. */
export const addAgainst = (item) => addToQuery({ item: item.external_id, weight: AGAINST / 2 }, item);

function addFile(file) {
  const modality = ["image", "audio"].find((name) => file.type.startsWith(`${name}/`));
  if (modality) addToQuery(uploadPart(modality, file));
  else say(gettext("“{name}” is neither a picture nor a sound.", { name: file.name }));
}

function remove(index) {
  const parts = [...(currentRoute().parts ?? [])];
  const [gone] = parts.splice(index, 1);
  if (gone.text && gone.text === input.value.trim()) input.value = "";
  search(parts);
}

/** The weight counts at once for whatever is done next, and is searched with once it rests. */
function reweigh(index, weight) {
  const parts = currentRoute().parts.with(index, weighted(currentRoute().parts[index], weight));
  amend({ parts });
  take(parts);
  clearTimeout(resting);
  resting = setTimeout(() => {
    if (parts.some(wanted)) refresh();
    else search(parts);
  }, REST_MS);
}

/** What the box is about: the first words that are wanted, beside all other parts. */
function take(parts) {
  const first = parts.findIndex((part) => part.text && wanted(part));
  boxWeight = parts[first]?.weight ?? 1;
  others = parts.filter((_, index) => index !== first);
  return first >= 0 ? parts[first].text : "";
}

/** Show the query of a place: the first words in the box, everything as parts. */
export function showQuery(parts) {
  clearTimeout(resting);
  input.value = take(parts);
  say("");
  adding.hidden = parts.length === 0;
  showParts(parts, { remove, reweigh });
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

/** More words, for the query or against it. */
function addWords() {
  const words = adding.querySelector("input");
  adding.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = words.value.trim();
    words.focus();
    if (!text) return;
    words.value = "";
    addToQuery(weighted({ text }, event.submitter?.value === "less" ? AGAINST : 1));
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
  startArrivals({ addFile, addItem: (id) => addToQuery({ item: id }), say });
  slashFocuses();
  completeWords();
  addWords();
}
