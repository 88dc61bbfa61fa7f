// The storefront: draws the place the address names, and says how the catalog stands.

import { status } from "./api.js";
import { showQuery, startComposer } from "./composer.js";
import { startEvents } from "./events.js";
import { startForgetting } from "./forget.js";
import { homeView } from "./home.js";
import { itemView } from "./item.js";
import { onLanguageChange } from "./language.js";
import { refresh, start } from "./navigation.js";
import { stop } from "./player.js";
import { categoryView, searchView, similarView } from "./results.js";

const VIEWS = {
  home: (view, route, signal) => homeView(view, signal),
  search: searchView,
  similar: similarView,
  category: categoryView,
  item: itemView,
};
const TITLE = "Triad · find it by words, a picture or a sound";
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
  document.title = words ? `${words} · Triad` : TITLE;
  showQuery(route.parts ?? []);
  scrollTo(0, 0);
  const shown = VIEWS[route.view](view, route, signal);
  // what had the focus may be gone with the old place: go on reading from the new one
  if (moved && document.activeElement === document.body) view.focus({ preventScroll: true });
  await shown;
  if (!signal.aborted && scrollY) scrollTo(0, scrollY);
}

async function showStatus() {
  try {
    const { items, active_space: space } = await status();
    const facts = [`${items.visible.toLocaleString("en")} items`];
    if (space) facts.push(`space ${space.name}`);
    if (space && !space.name.includes("trained")) facts.push(space.trained ? "trained" : "untrained");
    document.getElementById("status").textContent = facts.join(" · ");
  } catch {
    // the footer can do without
  }
}

startEvents();
startForgetting();
startComposer();
onLanguageChange(refresh);
start(render);
showStatus();
