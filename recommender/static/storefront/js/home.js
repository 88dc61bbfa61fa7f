// Before any search: things to look at and to listen to.

import { categories, items, summaryOf } from "./api.js";
import { card, categoryName } from "./cards.js";
import { h } from "./dom.js";
import { addressOf } from "./navigation.js";
import { emptyState, loadInto, skeletonCards } from "./states.js";

const SHELVES = 5;
const PER_SHELF = 14;
const LOOKED_THROUGH = 24; // items asked for per shelf, to find some with a sound among them

function shelf(title, shown, href = null) {
  const heading = h("h2", {}, href ? h("a", { href }, title) : title);
  const row = h("div", { class: "row", tabindex: "0", role: "group", "aria-label": title });
  row.append(...shown.map((item) => card(item)));
  return h("section", { class: "shelf" }, h("div", { class: "shelf-head" }, heading, href ? h("a", { href }, "See all") : null), row);
}

async function firstOf(path, signal) {
  const { results } = await items({ category: path, limit: LOOKED_THROUGH }, signal);
  return { path, results: results.map(summaryOf) };
}

/** The first of each list, then the second of each, and so on. */
function alternately(lists) {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  const rounds = Array.from({ length: longest }, (_, n) => lists.flatMap((list) => list.slice(n, n + 1)));
  return rounds.flat();
}

/** Sounds of every category first; what is on that shelf is not on another. */
function shelves(groups) {
  const sounding = alternately(groups.map((group) => group.results.filter((item) => item.audio)));
  const listen = sounding.slice(0, PER_SHELF);
  const others = groups.map(({ path, results }) => {
    const shown = results.filter((item) => !listen.includes(item)).slice(0, PER_SHELF);
    const href = addressOf({ view: "category", path });
    return shown.length ? shelf(categoryName(path), shown, href) : null;
  });
  return [listen.length ? shelf("Listen", listen) : null, ...others];
}

function pills(paths) {
  const pill = (path) => h("li", {}, h("a", { href: addressOf({ view: "category", path }) }, categoryName(path)));
  return h("nav", { class: "pills", "aria-label": "Categories" }, h("ul", {}, paths.map(pill)));
}

/** The largest categories with their first items; without categories, the first items of all. */
async function everything(signal) {
  const size = (category) => category.items + category.items_below;
  const paths = (await categories(signal))
    .filter((category) => size(category) > 0)
    .sort((a, b) => size(b) - size(a))
    .map((category) => category.path);
  if (paths.length === 0) return uncategorised(signal);
  const groups = await Promise.all(paths.slice(0, SHELVES).map((path) => firstOf(path, signal)));
  return [pills(paths), ...shelves(groups)].filter(Boolean);
}

async function uncategorised(signal) {
  const { results } = await items({ limit: LOOKED_THROUGH }, signal);
  if (results.length) return [shelf("Have a look", results.map(summaryOf))];
  return [emptyState("The catalog is empty", "Import items, and they appear here.")];
}

export function homeView(view, signal) {
  return loadInto(view, {
    placeholder: () => skeletonCards(12),
    fetch: () => everything(signal),
    show: (sections) => sections,
    signal,
  });
}
