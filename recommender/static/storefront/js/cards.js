// Items as cards.

import { addToQuery } from "./composer.js";
import { h, icon } from "./dom.js";
import { ledTo, tell } from "./events.js";
import { addressOf } from "./navigation.js";
import { opinionButtons } from "./opinions.js";
import { playButton } from "./player.js";
import { DRAGGED_ITEM } from "./query.js";
import { brought, shareBar, sharesSaid, why } from "./reasons.js";

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

function scoreBar(score, best, contributions) {
  const share = best > 0 ? Math.max(0.02, Math.min(1, score / best)) : 0.02;
  const shares = brought(contributions?.modalities);
  const made = shares.length ? `: ${sharesSaid(shares)}` : "";
  return h(
    "span",
    { class: "score", title: `Score ${score.toFixed(4)}${made}` },
    shareBar(shares, share),
    h("span", { class: "visually-hidden" }, "Score "),
    h("span", {}, score.toFixed(2)),
    h("span", { class: "visually-hidden" }, made),
  );
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

/**
 * One item; `score`, `best` (the page's highest) and what it is made of draw the bar. `reasons` say why
 * it is recommended, `requestId` by which answer.
 */
export function card(item, { score = null, best = 1, contributions = null, heading = "h3", reasons = [], requestId = null } = {}) {
  const category = item.categories?.[0];
  const played = (share) => tell("play", item.external_id, { share });
  const node = h(
    "article",
    { class: "card", "data-id": item.external_id, draggable: "true" },
    h(
      "div",
      { class: "front" },
      picture(item.image, ""),
      opinionButtons(item),
      item.audio ? playButton(item.audio, `the sound of ${item.title}`, "play", played) : null,
    ),
    h(
      "div",
      { class: "about" },
      h(heading, { lang: item.language }, itemLink(item, requestId)),
      category ? h("p", { class: "category" }, categoryName(category)) : null,
      why(reasons),
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
          title: "Similar",
          "aria-label": `Similar to ${item.title}`,
          draggable: "false",
        },
        icon("similar"),
        h("span", {}, "Similar"),
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
export function hitCards({ hits, request_id: requestId }, best, heading) {
  return hits.map(({ item, score, contributions }) => card(item, { score, best, contributions, heading, requestId }));
}
