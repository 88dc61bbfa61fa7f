// What is liked and what is not: remembered here for the look of the buttons, told to the server for
// the recommendations.

import { announce, h, icon } from "./dom.js";
import { eventsAllowed, tell } from "./events.js";
import { store, stored } from "./visitor.js";
import { say } from "./words.js";

const OPINIONS = "triad.opinions";
const MOST_REMEMBERED = 1_000;
const KINDS = [["like", "heart", "liked"], ["dislike", "down", "disliked"]];
const listeners = [];
let opinions = read();

function read() {
  try {
    return new Map(Object.entries(JSON.parse(stored("localStorage", OPINIONS) ?? "{}")));
  } catch {
    return new Map();
  }
}

function remember(item, opinion) {
  opinions.delete(item);
  if (opinion) opinions.set(item, opinion);
  if (opinions.size > MOST_REMEMBERED) opinions.delete(opinions.keys().next().value);
  store("localStorage", OPINIONS, JSON.stringify(Object.fromEntries(opinions)));
  show(item);
}

const opinionOf = (item) => opinions.get(item) ?? null;

/** Every button for the item on the page looks as the opinion is. */
function show(item) {
  for (const group of document.querySelectorAll(`.opinion[data-of="${CSS.escape(item)}"]`)) dress(group);
}

function dress(group) {
  const opinion = opinionOf(group.dataset.of);
  for (const button of group.children) button.setAttribute("aria-pressed", button.dataset.opinion === opinion);
  group.classList.toggle("given", opinion !== null);
}

/** Called with the item and the opinion once the server has taken it. */
export function onOpinion(listener) {
  listeners.push(listener);
}

async function choose(item, chosen) {
  const before = opinionOf(item);
  const opinion = before === chosen ? null : chosen;
  remember(item, opinion);
  if (await tell(opinion ?? "withdraw", item)) listeners.forEach((listener) => listener(item, opinion));
  else if (opinionOf(item) === opinion) {
    remember(item, before);
    announce(say("refused"));
  }
}

/** A pair of buttons: for the item, and against it. A second press takes it back. */
export function opinionButtons(item, { labelled = false } = {}) {
  if (!eventsAllowed()) return null;
  const button = ([opinion, drawn, word]) =>
    h(
      "button",
      {
        type: "button",
        class: labelled ? `button ${opinion}` : opinion,
        "data-opinion": opinion,
        title: say(word),
        "aria-label": say(opinion, item.title),
        onclick: () => choose(item.external_id, opinion),
      },
      icon(drawn),
      labelled && opinion === "like" ? say(word) : null,
    );
  const group = h("div", { class: labelled ? "opinion labelled" : "opinion", "data-of": item.external_id, role: "group" }, KINDS.map(button));
  dress(group);
  return group;
}

/** Whoever starts over has none. */
export function forgetOpinions() {
  const items = [...opinions.keys()];
  opinions = new Map();
  store("localStorage", OPINIONS, null);
  items.forEach(show);
}

// another tab of the same browser
addEventListener("storage", ({ key }) => {
  if (key !== OPINIONS) return;
  opinions = read();
  document.querySelectorAll(".opinion").forEach(dress);
});
