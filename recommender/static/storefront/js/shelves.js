// A titled row of cards to scroll sideways.

import { h } from "./dom.js";
import { gettext } from "./i18n.js";

/** `about` gives more attributes of the section; `href` is where all of it is. */
export function shelf(title, cards, { href = null, about = {} } = {}) {
  const heading = h("h2", {}, href ? h("a", { href }, title) : title);
  const row = h("div", { class: "row", tabindex: "0", role: "group", "aria-label": title }, cards);
  return h("section", { class: "shelf", ...about }, h("div", { class: "shelf-head" }, heading, href ? h("a", { href }, gettext("See all")) : null), row);
}

/** What stands for a row that is on its way. */
export function skeletonShelf() {
  const card = () => h("div", { class: "card skeleton" }, h("div", { class: "picture" }), h("span"), h("span"));
  return h("section", { class: "shelf", "aria-hidden": "true" }, h("div", { class: "shelf-head skeleton" }, h("span")), h("div", { class: "row" }, Array.from({ length: 8 }, card)));
}
