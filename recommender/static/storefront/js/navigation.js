// Addresses and the browser's history.
//
// Routes: {view: "home"}, {view: "search", parts, filters, modalities, mode, read, unread}, {view: "category", path},
// {view: "similar", id, modalities}, {view: "item", id, modalities}.

import { followAddress, language } from "./language.js";
import { modalitiesOfParams, paramsOfParts, paramsOfRefinement, partsOfParams, partsOfState, refinementOfParams } from "./query.js";

const HOME = document.documentElement.dataset.home;
const ITEM = /^items\/([^/]+)\/$/;
let show = () => {};
let current = null;

/** The route of an address, or null for one that is not the storefront's. */
export function routeOf(url, state = null) {
  if (url.origin !== location.origin || !url.pathname.startsWith(HOME)) return null;
  const path = url.pathname.slice(HOME.length);
  const item = path.match(ITEM);
  const params = url.searchParams;
  const modalities = modalitiesOfParams(params);
  if (item) return { view: "item", id: decodeURIComponent(item[1]), modalities };
  if (path !== "") return null;
  if (params.get("similar")) return { view: "similar", id: params.get("similar"), modalities };
  if (params.get("category")) return { view: "category", path: params.get("category") };
  const parts = partsOfState(state) ?? partsOfParams(params);
  return parts.length ? { view: "search", parts, ...refinementOfParams(params) } : { view: "home" };
}

export function addressOf(route) {
  const params = new URLSearchParams();
  if (route.view === "search") paramsOfParts(route.parts).forEach(([k, v]) => params.append(k, v));
  paramsOfRefinement(route).forEach(([k, v]) => params.append(k, v));
  if (route.view === "similar") params.set("similar", route.id);
  if (route.view === "category") params.set("category", route.path);
  params.set("lang", language());
  const path = route.view === "item" ? `items/${encodeURIComponent(route.id)}/` : "";
  return `${HOME}${path.replaceAll("%3A", ":")}?${params}`;
}

export const currentRoute = () => current;

/** Go somewhere new; the place being left is remembered with how far it was scrolled. */
export function navigate(route) {
  history.replaceState({ ...history.state, scrollY }, "");
  history.pushState({ parts: route.parts }, "", addressOf(route));
  current = route;
  show(route, 0);
}

/** The place is the same but for this: its address follows, and `refresh` shows it. */
export function amend(change) {
  Object.assign(current, change);
  history.replaceState({ ...history.state, parts: current.parts }, "", addressOf(current));
}

/** Show the same place again, in another language for example. */
export function refresh() {
  history.replaceState(history.state, "", addressOf(current));
  show(current, scrollY);
}

function arrive() {
  followAddress();
  current = routeOf(new URL(location.href), history.state) ?? { view: "home" };
  show(current, history.state?.scrollY ?? 0);
}

/** Plain clicks on links within the storefront stay on the page. */
function followLink(event) {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("a[href]");
  if (!link || link.target || link.dataset.outside !== undefined) return;
  const url = new URL(link.href);
  const route = url.hash ? null : routeOf(url);
  if (!route) return;
  event.preventDefault();
  navigate(route);
}

/** Begin: `render(route, scrollY)` draws a place. */
export function start(render) {
  show = render;
  history.scrollRestoration = "manual";
  addEventListener("popstate", arrive);
  document.addEventListener("click", followLink);
  arrive();
}
