// Lists of items: search results, similar items, a category.

import { item as fetchItem, items, nextItems, search, similar, summaryOf } from "./api.js";
import { card, categoryName, hitGrid, picture } from "./cards.js";
import { announce, h, icon } from "./dom.js";
import { addressOf } from "./navigation.js";
import { playButton } from "./player.js";
import { emptyState, loadInto, skeletonCards } from "./states.js";

const FIRST = 24;
const MOST = 96; // the API gives 100 hits at most
const PAGE = 48;

function count(hits, tookMs) {
  const things = hits.length === 1 ? "1 result" : `${hits.length} results`;
  announce(things);
  return h("p", { class: "count" }, `${things} · ${tookMs} ms`);
}

function moreButton(onclick) {
  return h("button", { type: "button", class: "button more", onclick }, "Show more");
}

function hits(answer, { limit, heading }, again) {
  if (answer.hits.length === 0) {
    announce("Nothing found");
    return [emptyState("Nothing like that here", "Try other words, another language, or a picture.")];
  }
  const more = answer.hits.length === limit && limit < MOST ? moreButton(() => again(Math.min(MOST, limit * 2))) : null;
  return [count(answer.hits, answer.took_ms), hitGrid(answer.hits, heading), more].filter(Boolean);
}

/** Fill `box` with the hits `fetch(limit)` gives, and on demand with more of them. */
export function hitList(box, fetch, signal, { limit = FIRST, heading = "h2" } = {}) {
  const show = (answer, shown) => hits(answer, { limit: shown, heading }, again);
  const again = (next) =>
    fetch(next).then(
      (answer) => signal.aborted || box.replaceChildren(...show(answer, next)),
      () => signal.aborted || hitList(box, fetch, signal, { limit: next, heading }),
    );
  return loadInto(box, {
    placeholder: () => skeletonCards(12),
    fetch: () => fetch(limit),
    show: (answer) => show(answer, limit),
    signal,
  });
}

export function searchView(view, { parts }, signal) {
  const box = h("section", { "aria-label": "Results" });
  view.replaceChildren(h("h1", { class: "visually-hidden" }, "Results"), box);
  return hitList(box, (limit) => search(parts, limit, signal), signal);
}

function source(item) {
  return h(
    "header",
    { class: "source" },
    h("a", { href: addressOf({ view: "item", id: item.external_id }), tabindex: "-1", "aria-hidden": "true" }, picture(item.image, "")),
    h(
      "div",
      {},
      h("p", { class: "eyebrow" }, "Similar to"),
      h("h1", { lang: item.language }, h("a", { href: addressOf({ view: "item", id: item.external_id }) }, item.title)),
      item.audio ? playButton(item.audio, `the sound of ${item.title}`, "play inline") : null,
    ),
  );
}

export function similarView(view, { id }, signal) {
  const head = h("div");
  const box = h("section", { "aria-label": "Similar items" });
  view.replaceChildren(head, box);
  fetchItem(id, signal).then(
    (item) => signal.aborted || head.replaceChildren(source(summaryOf(item))),
    () => {}, // the list below says what is wrong
  );
  return hitList(box, (limit) => similar(id, limit, signal), signal);
}

export function categoryView(view, { path }, signal) {
  const names = path.split("/");
  const crumbs = names.slice(0, -1).map((_, depth) => {
    const above = names.slice(0, depth + 1).join("/");
    return h("a", { href: addressOf({ view: "category", path: above }) }, categoryName(above));
  });
  const home = h("a", { href: addressOf({ view: "home" }) }, icon("back"), "All categories");
  const head = h("header", { class: "listing" }, h("nav", { class: "crumbs", "aria-label": "Above" }, home, crumbs), h("h1", {}, categoryName(path)));
  const box = h("section", { "aria-label": categoryName(path) });
  view.replaceChildren(head, box);
  return loadInto(box, {
    placeholder: () => skeletonCards(12),
    fetch: () => items({ category: path, limit: PAGE }, signal),
    show: (page) => listing(page, signal),
    signal,
  });
}

function listing(page, signal) {
  if (page.results.length === 0) return emptyState("Nothing here yet", "This category has no items.");
  const grid = h("div", { class: "grid" });
  const append = ({ results }) => grid.append(...results.map((item) => card(summaryOf(item), { heading: "h2" })));
  append(page);
  announce(`${page.results.length} items`);
  let next = page.next;
  const more = moreButton(async () => {
    more.disabled = true;
    try {
      const following = await nextItems(next, signal);
      append(following);
      next = following.next;
    } catch (problem) {
      if (!signal.aborted) announce(problem.detail);
    }
    more.disabled = false;
    more.hidden = !next;
  });
  more.hidden = !next;
  return [grid, more];
}
