// What the words of a search were understood to ask for: each condition can be taken back, or all of them.

import { fieldName, rangeName, valueName } from "./filters.js";
import { h, icon } from "./dom.js";
import { gettext } from "./i18n.js";
import { addressOf, currentRoute, navigate } from "./navigation.js";
import { AS_TYPED } from "./query.js";

const orders = () => ({
  "price asc": gettext("cheapest first"),
  "price desc": gettext("most expensive first"),
  "released asc": gettext("oldest first"),
  "released desc": gettext("newest first"),
  "popularity asc": gettext("least popular first"),
  "popularity desc": gettext("most popular first"),
});

function condition(field, value) {
  const values = Array.isArray(value?.in) ? value.in : [value];
  const said = values.map((each) => (typeof each === "object" ? rangeName(each) : valueName(field, each)));
  return `${fieldName(field)}: ${said.join(", ")}`;
}

/** What a condition of an answer's interpretation is called. */
function conditionName({ kind, field, value }) {
  if (kind === "sort") return orders()[`${field} ${value}`];
  if (kind === "without") return gettext("not {name}", { name: value });
  return kind === "not" ? gettext("not {name}", { name: condition(field, value) }) : condition(field, value);
}

function chip({ key, ...said }, unread) {
  const name = conditionName(said);
  const leave = () => navigate({ ...currentRoute(), unread: [...unread, key] });
  return h("li", {}, h("button", { type: "button", class: "chip", "aria-label": gettext("This is not meant: {name}", { name }), onclick: leave }, name, icon("close")));
}

function row(query, label, chips, change, offer) {
  const other = h("a", { class: "as-link", href: addressOf({ ...query, ...change }) }, offer);
  return h("div", { class: "understood" }, h("span", {}, label), h("ul", { class: "chips", "aria-label": label }, chips, h("li", {}, other)));
}

/** What to say of an answer beside its hits; null where the words are looked for as they are. */
export function understood(query, interpretation) {
  const { view, read, unread = [] } = query;
  if (view !== "search") return null;
  if (read === AS_TYPED) return row(query, gettext("Searched for the words as typed."), [], { read: "" }, gettext("Read them as a sentence"));
  if (!interpretation) return null;
  const chips = interpretation.conditions.map((each) => chip(each, unread));
  return row(query, gettext("Understood as"), chips, { read: AS_TYPED, unread: [] }, gettext("Search for the words as typed"));
}

/** The parts that an answer compared its hits with: those understood, else those that count. */
export function partsCompared({ parts }, interpretation) {
  const counting = parts.filter((part) => part.weight !== 0);
  if (!interpretation) return counting;
  const uploads = counting.filter((part) => part.upload);
  return interpretation.query.map((part) => {
    const file = part.image ?? part.audio;
    return file === undefined ? part : uploads[Number(file.replace("file", ""))];
  });
}
