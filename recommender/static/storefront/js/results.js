// Lists of items: search results, similar items, a category.

import { item as fetchItem, items, moreHits, nextItems, search, similar, summaryOf } from "./api.js";
import { card, categoryName, hitCards, picture } from "./cards.js";
import { announce, h, icon } from "./dom.js";
import { tell } from "./events.js";
import { addressOf } from "./navigation.js";
import { playButton } from "./player.js";
import { emptyState, loadInto, skeletonCards } from "./states.js";

const FIRST = 24;
const PAGE = 48;

function counted(number, more) {
  const things = number === 1 ? "1 result" : `${number} results`;
  return more ? `The best ${number}` : things;
}

function moreButton(onclick) {
  return h("button", { type: "button", class: "button more", onclick }, "Show more");
}

/** The hits of a first answer, and on demand those of the pages behind it. */
function hits(answer, { heading, signal }) {
  if (answer.hits.length === 0) {
    announce("Nothing found");
    return [emptyState("Nothing like that here", "Try other words, another language, or a picture.")];
  }
  const best = Math.max(0, ...answer.hits.map((hit) => hit.score));
  const grid = h("div", { class: "grid" });
  const count = h("p", { class: "count" });
  let cursor = null;
  const append = (page) => {
    cursor = page.next_cursor;
    grid.append(...hitCards(page, best, heading));
    const said = counted(grid.children.length, cursor);
    count.textContent = `${said} · ${page.took_ms} ms`;
    announce(said);
  };
  append(answer);
  const more = moreButton(async () => {
    more.disabled = true;
    try {
      const first = grid.children.length;
      append(await moreHits(cursor, answer.hits.length, signal));
      grid.children[first]?.querySelector("a")?.focus({ preventScroll: true });
    } catch (problem) {
      if (!signal.aborted) announce(problem.detail);
    }
    more.disabled = false;
    more.hidden = !cursor;
  });
  more.hidden = !cursor;
  return [count, grid, more];
}

/** Fill `box` with the hits `fetch(limit)` gives, and on demand with more of them. */
export function hitList(box, fetch, signal, { limit = FIRST, heading = "h2" } = {}) {
  return loadInto(box, {
    placeholder: () => skeletonCards(12),
    fetch: () => fetch(limit),
    show: (answer) => hits(answer, { heading, signal }),
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
      item.audio ? playButton(item.audio, `the sound of ${item.title}`, "play inline", (share) => tell("play", item.external_id, { share })) : null,
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
