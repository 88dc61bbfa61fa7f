// Before any search: things to look at and to listen to.

import { categories, items, summaryOf } from "./api.js";
import { card, categoryName } from "./cards.js";
import { h } from "./dom.js";
import { addressOf } from "./navigation.js";
import { emptyState, loadInto, skeletonCards } from "./states.js";

const SHELVES = 5;
const PER_SHELF = 14;
const LOOKED_THROUGH = 100; // the API's largest page, to find items with a sound in

function shelf(title, shown, href = null) {
  const heading = h("h2", {}, href ? h("a", { href }, title) : title);
  const row = h("div", { class: "row", tabindex: "0", role: "group", "aria-label": title });
  row.append(...shown.map((item) => card(summaryOf(item))));
  return h("section", { class: "shelf" }, h("div", { class: "shelf-head" }, heading, href ? h("a", { href }, "See all") : null), row);
}

async function categoryShelf(path, signal) {
  const { results } = await items({ category: path, limit: PER_SHELF }, signal);
  const href = addressOf({ view: "category", path });
  return results.length ? shelf(categoryName(path), results, href) : null;
}

async function listenShelf(signal) {
  const { results } = await items({ limit: LOOKED_THROUGH }, signal);
  const sounding = results.filter((item) => summaryOf(item).audio).slice(0, PER_SHELF);
  if (sounding.length) return shelf("Listen", sounding);
  return results.length ? null : emptyState("The catalog is empty", "Import items, and they appear here.");
}

function pills(paths) {
  const pill = (path) => h("li", {}, h("a", { href: addressOf({ view: "category", path }) }, categoryName(path)));
  return h("nav", { class: "pills", "aria-label": "Categories" }, h("ul", {}, paths.map(pill)));
}

async function everything(signal) {
  const found = await categories(signal);
  const size = (category) => category.items + category.items_below;
  const roots = found
    .filter((category) => size(category) > 0)
    .sort((a, b) => size(b) - size(a))
    .map((category) => category.path);
  const shelves = await Promise.all([
    listenShelf(signal),
    ...roots.slice(0, SHELVES).map((path) => categoryShelf(path, signal)),
  ]);
  return [roots.length ? pills(roots) : null, ...shelves].filter(Boolean);
}

export function homeView(view, signal) {
  return loadInto(view, {
    placeholder: () => skeletonCards(12),
    fetch: () => everything(signal),
    show: (sections) => sections,
    signal,
  });
}
