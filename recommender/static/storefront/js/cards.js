// Items as cards.

import { addToQuery } from "./composer.js";
import { h, icon } from "./dom.js";
import { addressOf } from "./navigation.js";
import { playButton } from "./player.js";
import { DRAGGED_ITEM } from "./query.js";

const TINY_PX = 48;
const SMALL_PX = 120;

/** "animals/sea-birds" → "Sea birds": a category by the last name of its path. */
export function categoryName(path) {
  const name = path.split("/").at(-1).replaceAll(/[-_]+/g, " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** A picture at a size that suits its pixels: enlarged a little when small, never to a blur. */
export function picture(url, alt, { eager = false } = {}) {
  const box = h("div", { class: "picture" });
  if (!url) {
    box.classList.add("none");
    box.append(icon("sound"));
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

function scoreBar(score, best) {
  const share = best > 0 ? Math.max(0.02, Math.min(1, score / best)) : 0.02;
  const bar = h("span", { class: "score-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", share);
  const number = score.toFixed(2);
  return h(
    "span",
    { class: "score", title: `Score ${score.toFixed(4)}; higher is better` },
    bar,
    h("span", { class: "visually-hidden" }, "Score "),
    h("span", {}, number),
  );
}

/** One item; `score` and `best` (the page's highest) draw the bar. */
export function card(item, { score = null, best = 1, heading = "h3" } = {}) {
  const category = item.categories?.[0];
  const link = h("a", { href: addressOf({ view: "item", id: item.external_id }), draggable: "false" }, item.title);
  const node = h(
    "article",
    { class: "card", "data-id": item.external_id, draggable: "true" },
    h(
      "div",
      { class: "front" },
      picture(item.image, ""),
      item.audio ? playButton(item.audio, `the sound of ${item.title}`) : null,
    ),
    h(
      "div",
      { class: "about" },
      h(heading, { lang: item.language }, link),
      category ? h("p", { class: "category" }, categoryName(category)) : null,
    ),
    h(
      "div",
      { class: "actions" },
      score === null ? null : scoreBar(score, best),
      h(
        "button",
        {
          type: "button",
          class: "quiet add",
          title: "Add to the search",
          "aria-label": `Add ${item.title} to the search`,
          onclick: () => addToQuery({ item: item.external_id }, item),
        },
        icon("plus"),
      ),
      h(
        "a",
        {
          class: "quiet similar",
          href: addressOf({ view: "similar", id: item.external_id }),
          "aria-label": `Similar to ${item.title}`,
          draggable: "false",
        },
        icon("similar"),
        "Similar",
      ),
    ),
  );
  node.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData(DRAGGED_ITEM, item.external_id);
    event.dataTransfer.effectAllowed = "copy";
  });
  return node;
}

/** Hits as a grid; `heading` is the level that fits the page's outline. */
export function hitGrid(hits, heading) {
  const best = Math.max(0, ...hits.map((hit) => hit.score));
  const cards = hits.map((hit) => card(hit.item, { score: hit.score, best, heading }));
  return h("div", { class: "grid" }, cards);
}
