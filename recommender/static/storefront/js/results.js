// Lists of items: search results, similar items, a category.

import { item as fetchItem, items, moreHits, nextItems, search, similar, summaryOf } from "./api.js";
import { card, categoryName, hitCards, picture } from "./cards.js";
import { announce, h, icon } from "./dom.js";
import { tell } from "./events.js";
import { gettext, ngettext, number } from "./i18n.js";
import { kinToggles } from "./kin.js";
import { addressOf } from "./navigation.js";
import { partLabelled } from "./parts.js";
import { playButton } from "./player.js";
import { filterChips, showFilters } from "./refine.js";
import { emptyState, loadInto, skeletonCards } from "./states.js";
import { partsCompared, understood } from "./understood.js";

const FIRST = 24;
const PAGE = 48;

function counted(count, more) {
  return more ? gettext("The best {count}", { count: number(count) }) : ngettext("{count} result", "{count} results", count);
}

function moreButton(onclick) {
  return h("button", { type: "button", class: "button more", onclick }, gettext("Show more"));
}

/** The hits of a first answer, and on demand those of the pages behind it. */
function hits(answer, { heading, names, signal }) {
  if (answer.hits.length === 0) {
    announce(gettext("Nothing found"));
    return [emptyState(gettext("Nothing like that here"), gettext("Try other words, another language, a picture, or fewer filters."))];
  }
  const best = Math.max(0, ...answer.hits.map((hit) => hit.score));
  const grid = h("div", { class: "grid" });
  const count = h("p", { class: "count" });
  let cursor = null;
  const append = (page) => {
    cursor = page.next_cursor;
    grid.append(...hitCards(page, best, { heading, names }));
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

/**
 * Fill `box` with the hits `fetch(limit)` gives, and on demand with more of them; `names(answer)` make those of
 * the parts of the query.
 */
export function hitList(box, fetch, signal, { limit = FIRST, heading = "h2", names = () => null, answered = () => {}, placeholder = () => skeletonCards(12) } = {}) {
  return loadInto(box, {
    placeholder,
    fetch: () => fetch(limit),
    show: (answer) => {
      answered(answer);
      return hits(answer, { heading, names: names(answer), signal });
    },
    signal,
  });
}

/** As `hitList`, to be filled again and again: only the latest answer is shown. */
export function refillable(box, fetch, signal, options = {}) {
  let filling = new AbortController();
  return () => {
    filling.abort();
    filling = new AbortController();
    const latest = AbortSignal.any([signal, filling.signal]);
    return hitList(box, (limit) => fetch(limit, latest), latest, options);
  };
}

/** What was found before, dimmed until something else is; the first time, cards to come. */
function whatWas(view) {
  const before = view.querySelector(".results > .grid") ? [...view.querySelector(".results").childNodes] : null;
  return before ? () => h("div", { class: "stale", inert: true }, before) : () => skeletonCards(12);
}

export function searchView(view, query, signal) {
  const placeholder = whatWas(view);
  const box = h("section", { class: "results", "aria-label": gettext("Results") });
  const meaning = h("div");
  view.replaceChildren(h("h1", { class: "visually-hidden" }, gettext("Results")), filterChips(query.filters) ?? "", meaning, box);
  return hitList(box, (limit) => search(query, limit, signal), signal, {
    placeholder,
    names: ({ interpretation }) => partsCompared(query, interpretation).map((part) => () => partLabelled(part)),
    answered: (answer) => {
      meaning.replaceChildren(understood(query, answer.interpretation) ?? "");
      showFilters(query, answer, FIRST, signal);
    },
  });
}

function source(item) {
  return h(
    "header",
    { class: "source" },
    h("a", { href: addressOf({ view: "item", id: item.external_id }), tabindex: "-1", "aria-hidden": "true" }, picture(item.image, "", item)),
    h(
      "div",
      {},
      h("p", { class: "eyebrow" }, gettext("Similar to")),
      h("h1", { lang: item.language }, h("a", { href: addressOf({ view: "item", id: item.external_id }) }, item.title)),
      item.audio ? playButton(item.audio, gettext("the sound of {title}", { title: item.title }), "play inline", (share) => tell("play", item.external_id, { share })) : null,
    ),
  );
}

export function similarView(view, route, signal) {
  const { id } = route;
  const head = h("div");
  const box = h("section", { "aria-label": gettext("Similar items") });
  view.replaceChildren(head, box);
  const fill = refillable(box, (limit, latest) => similar(id, limit, latest, route.modalities), signal);
  fetchItem(id, signal).then(
    (item) => signal.aborted || head.replaceChildren(source(summaryOf(item)), kinToggles(route, item, fill)),
    () => {}, // the list below says what is wrong
  );
  return fill();
}

export function categoryView(view, { path }, signal) {
  const names = path.split("/");
  const crumbs = names.slice(0, -1).map((_, depth) => {
    const above = names.slice(0, depth + 1).join("/");
    return h("a", { href: addressOf({ view: "category", path: above }) }, categoryName(above));
  });
  const home = h("a", { href: addressOf({ view: "home" }) }, icon("back"), gettext("All categories"));
  const head = h("header", { class: "listing" }, h("nav", { class: "crumbs", "aria-label": gettext("Above") }, home, crumbs), h("h1", {}, categoryName(path)));
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
  if (page.results.length === 0) return emptyState(gettext("Nothing here yet"), gettext("This category has no items."));
  const grid = h("div", { class: "grid" });
  const append = ({ results }) => grid.append(...results.map((item) => card(summaryOf(item), { heading: "h2" })));
  append(page);
  announce(ngettext("{count} item", "{count} items", page.results.length));
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
