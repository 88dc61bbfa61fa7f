// What an item says of itself beside its words: attributes as people read them.

import { h } from "./dom.js";
import { fieldName, PRICE, valueName } from "./filters.js";
import { gettext, number } from "./i18n.js";

const MOST = 12;
const LONGEST = 200;

const isShown = (value) => (typeof value === "string" && value.trim() !== "") || Number.isFinite(value) || typeof value === "boolean";

function said(name, value) {
  const text = Number.isFinite(value) ? number(value) : valueName(name, value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** What it costs, where the catalog says so. */
export function price({ attributes }) {
  const costs = attributes?.[PRICE?.name];
  return Number.isFinite(costs) ? h("p", { class: "price" }, `${PRICE.label} `, h("b", {}, number(costs))) : null;
}

/** Names and values; those that are no single values, nor a list of some, are for programs. */
export function details({ attributes }) {
  const rows = Object.entries(attributes ?? {})
    .map(([name, value]) => [name, [value].flat().filter(isShown)])
    .filter(([, values]) => values.length)
    .slice(0, MOST)
    .map(([name, values]) => h("div", {}, h("dt", {}, fieldName(name)), h("dd", {}, values.map((value) => said(name, value)).join(", "))));
  return rows.length ? h("section", { class: "titles details" }, h("h2", {}, gettext("Details")), h("dl", {}, rows)) : null;
}
