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

const MODALITIES = [["text", "words"], ["image", "looks"], ["audio", "sound"]];

/** What each modality brought, as shares of what speaks for the item: `[[name, word, share]]`. */
function brought(contributions) {
  const given = MODALITIES.map(([name, word]) => [name, word, Math.max(0, contributions?.modalities[name] ?? 0)]);
  const total = given.reduce((sum, [, , value]) => sum + value, 0);
  return total > 0 ? given.map(([name, word, value]) => [name, word, value / total]) : [];
}

function scoreBar(score, best, contributions) {
  const share = best > 0 ? Math.max(0.02, Math.min(1, score / best)) : 0.02;
  const bar = h("span", { class: "score-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", share);
  const shares = brought(contributions);
  for (const [name, , value] of shares) {
    const segment = h("span", { class: name });
    segment.style.setProperty("--part", value);
    bar.append(segment);
  }
  const said = shares.filter(([, , value]) => value >= 0.005).map(([, word, value]) => `${word} ${Math.round(value * 100)} %`);
  const why = said.length ? `: ${said.join(", ")}` : "";
  return h(
    "span",
    { class: "score", title: `Score ${score.toFixed(4)}${why}` },
    bar,
    h("span", { class: "visually-hidden" }, "Score "),
    h("span", {}, score.toFixed(2)),
    h("span", { class: "visually-hidden" }, why),
  );
}

/** One item; `score`, `best` (the page's highest) and what it is made of draw the bar. */
export function card(item, { score = null, best = 1, contributions = null, heading = "h3" } = {}) {
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
      score === null ? null : scoreBar(score, best, contributions),
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

/** Hits as cards; `heading` is the level that fits the page's outline. */
export function hitCards(hits, best, heading) {
  return hits.map(({ item, score, contributions }) => card(item, { score, best, contributions, heading }));
}
