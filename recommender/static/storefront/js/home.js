// Before any search: what is recommended, and things to look at and to listen to.

import { categories, items, summaryOf } from "./api.js";
import { card, categoryName } from "./cards.js";
import { h } from "./dom.js";
import { gettext } from "./i18n.js";
import { addressOf } from "./navigation.js";
import { recommendedRows } from "./recommended.js";
import { shelf } from "./shelves.js";
import { emptyState, loadInto, skeletonCards } from "./states.js";

const SHELVES = 5;
const PER_SHELF = 14;
const LOOKED_THROUGH = 24; // items asked for per shelf, to find some with a sound among them

const cards = (shown) => shown.map((item) => card(item));

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
    return shown.length ? shelf(categoryName(path), cards(shown), { href }) : null;
  });
  return [listen.length ? shelf(gettext("Listen"), cards(listen)) : null, ...others];
}

function pills(paths) {
  const pill = (path) => h("li", {}, h("a", { href: addressOf({ view: "category", path }) }, categoryName(path)));
  return h("nav", { class: "pills", "aria-label": gettext("Categories") }, h("ul", {}, paths.map(pill)));
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
  return { top: pills(paths), sections: shelves(groups).filter(Boolean) };
}

async function uncategorised(signal) {
  const { results } = await items({ limit: LOOKED_THROUGH }, signal);
  if (results.length) return { top: null, sections: [shelf(gettext("Have a look"), cards(results.map(summaryOf)))] };
  return { top: null, sections: [emptyState(gettext("The catalog is empty"), gettext("Import items, and they appear here."))] };
}

export function homeView(view, signal) {
  const above = h("div");
  const recommended = h("div", { class: "recommended" });
  const browse = h("div");
  view.replaceChildren(above, recommended, browse);
  recommendedRows(recommended, signal);
  return loadInto(browse, {
    placeholder: () => skeletonCards(12),
    fetch: () => everything(signal),
    show: ({ top, sections }) => {
      if (top) above.replaceChildren(top);
      return sections;
    },
    signal,
  });
}
