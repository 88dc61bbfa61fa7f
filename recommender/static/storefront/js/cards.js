// Items as cards.

import { price } from "./attributes.js";
import { addAgainst, addToQuery } from "./composer.js";
import { h, icon } from "./dom.js";
import { ledTo, tell } from "./events.js";
import { gettext } from "./i18n.js";
import { addressOf } from "./navigation.js";
import { opinionButtons } from "./opinions.js";
import { playButton } from "./player.js";
import { DRAGGED_ITEM } from "./query.js";
import { why, whyHit } from "./reasons.js";

const TINY_PX = 48;
const SMALL_PX = 120;

/** "animals/sea-birds" → "Sea birds": a category by the last name of its path. */
export function categoryName(path) {
  const name = path.split("/").at(-1).replaceAll(/[-_]+/g, " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** In place of a picture: that there is a sound, else how the title begins. */
function noPicture({ title, audio }) {
  const letter = [...title].find((each) => /[\p{L}\p{N}]/u.test(each)) ?? "·";
  return audio ? icon("sound") : h("span", { class: "initial", "aria-hidden": "true" }, letter.toLocaleUpperCase());
}

/** A picture at a size that suits its pixels: enlarged a little when small, never to a blur; else what is in its place. */
export function picture(url, alt, instead, { eager = false } = {}) {
  const box = h("div", { class: "picture" });
  if (!url) {
    box.classList.add("none");
    box.append(noPicture(instead));
    return box;
  }
  const image = h("img", { alt, loading: eager ? "eager" : "lazy", decoding: "async", draggable: "false" });
  image.addEventListener("load", () => {
    const side = Math.max(image.naturalWidth, image.naturalHeight);
    image.dataset.size = side < TINY_PX ? "tiny" : side < SMALL_PX ? "small" : "full";
    image.style.setProperty("--natural-width", `${image.naturalWidth}px`);
  });
  image.addEventListener("error", () => {
    box.classList.add("none");
    image.replaceWith(icon("image"));
  });
  image.src = url;
  box.append(image);
  return box;
}

/** The link to the item's page; of an answer with a `requestId`, following it is told. */
function itemLink(item, requestId) {
  const link = h("a", { href: addressOf({ view: "item", id: item.external_id }), draggable: "false" }, item.title);
  const told = (event) => {
    if (event.button > 1) return;
    ledTo(item.external_id, requestId);
    tell("click", item.external_id);
  };
  if (requestId) ["click", "auxclick"].forEach((kind) => link.addEventListener(kind, told));
  return link;
}

function actions(item, refinable) {
  const { external_id: id, title } = item;
  const quiet = (kind, drawn, name, label, onclick) => h("button", { type: "button", class: `quiet ${kind}`, title: name, "aria-label": label, onclick }, icon(drawn));
  return h(
    "div",
    { class: "actions" },
    quiet("add", "plus", gettext("More like this"), gettext("More like {title}", { title }), () => addToQuery({ item: id }, item)),
    refinable ? quiet("less", "minus", gettext("Less like this"), gettext("Less like {title}", { title }), () => addAgainst(item)) : null,
    h(
      "a",
      { class: "quiet similar", href: addressOf({ view: "similar", id }), title: gettext("Similar"), "aria-label": gettext("Similar to {title}", { title }), draggable: "false" },
      icon("similar"),
      h("span", {}, gettext("Similar")),
    ),
  );
}

/**
 * One item; `reasons` say why it is recommended, `requestId` by which answer. Of a hit, `hit` has its
 * `score`, what it is made of, the page's `best` score, and the `names` of the query's parts.
 */
export function card(item, { hit = null, heading = "h3", reasons = [], requestId = null } = {}) {
  const category = item.categories?.[0];
  const played = (share) => tell("play", item.external_id, { share });
  const node = h(
    "article",
    { class: "card", "data-id": item.external_id, draggable: "true" },
    h(
      "div",
      { class: "front" },
      picture(item.image, "", item),
      opinionButtons(item),
      item.audio ? playButton(item.audio, gettext("the sound of {title}", { title: item.title }), "play", played) : null,
    ),
    h(
      "div",
      { class: "about" },
      h(heading, { lang: item.language }, itemLink(item, requestId)),
      category ? h("p", { class: "category" }, categoryName(category)) : null,
      price(item),
      why(reasons),
      hit ? whyHit(hit.score, hit.best, hit.contributions, hit.names) : null,
    ),
    actions(item, Boolean(hit?.names)),
  );
  node.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData(DRAGGED_ITEM, item.external_id);
    event.dataTransfer.effectAllowed = "copy";
  });
  return node;
}

/**
 * Hits as cards; `heading` is the level that fits the page's outline, `names` those of the parts of the
 * query, or null of a list that is not refined by its items.
 */
export function hitCards({ hits, request_id: requestId }, best, { heading, names }) {
  return hits.map(({ item, score, contributions }) => card(item, { hit: { score, best, contributions, names }, heading, requestId }));
}
