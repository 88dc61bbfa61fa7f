// The storefront: draws the place the address names, and says how the catalog stands.

import { status } from "./api.js";
import { showQuery, startComposer } from "./composer.js";
import { startEvents } from "./events.js";

import { homeView } from "./home.js";
import { itemView } from "./item.js";
import { gettext, ngettext } from "./i18n.js";
import { onLanguageChange } from "./language.js";
import { currentRoute, refresh, start } from "./navigation.js";
import { stop } from "./player.js";
import { refining, showRefinement, startRefining } from "./refine.js";
import { categoryView, searchView, similarView } from "./results.js";

const VIEWS = {
  home: (view, route, signal) => homeView(view, signal),
  search: searchView,
  similar: similarView,
  category: categoryView,
  item: itemView,
};
const view = document.getElementById("view");
let leaving = null; // ends what the place being shown still waits for

async function render(route, scrollY) {
  const moved = leaving !== null;
  leaving?.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  stop();
  document.body.dataset.view = route.view;
  const words = (route.parts ?? []).find((part) => part.text)?.text;
  document.title = words ? `${words} · Triad` : gettext("Triad · find it by words, a picture or a sound");
  showQuery(route.parts ?? []);
  showRefinement(route);
  if (!refining()) scrollTo(0, 0);
  const shown = VIEWS[route.view](view, route, signal);
  // what had the focus may be gone with the old place: go on reading from the new one
  if (moved && document.activeElement === document.body) view.focus({ preventScroll: true });
  await shown;
  if (!signal.aborted && scrollY) scrollTo(0, scrollY);
}

/** Whether the place shows what a reload would lose. */
const holdsFiles = () => (currentRoute().parts ?? []).some((part) => part.upload);

async function showStatus() {
  try {
    const { items, active_space: space } = await status();
    const facts = [ngettext("{count} item", "{count} items", items.visible)];
    if (space) facts.push(gettext("space {name}", { name: space.name }));
    if (space && !space.name.includes("trained")) facts.push(space.trained ? gettext("trained") : gettext("untrained"));
    document.getElementById("status").textContent = facts.join(" · ");
  } catch {
    // the footer can do without
  }
}

startEvents();

startComposer();
startRefining();
onLanguageChange((chosen) => {
  refresh();
  // the page itself is written in two languages
  if ((chosen === "zh") !== (document.documentElement.lang === "zh") && !holdsFiles()) location.reload();
});
start(render);
showStatus();
