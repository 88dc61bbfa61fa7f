// Controls of what a catalog can be filtered by: values with their counts, ranges of numbers and dates.

import { FIELDS } from "./api.js";
import { h, icon } from "./dom.js";
import { gettext, ngettext, number } from "./i18n.js";
import { languageName } from "./language.js";

const SHOWN = 7; // values of a field before the others are unfolded

/** The field that says what an item costs, if the catalog declares one. */
export const PRICE = FIELDS.find((field) => field.is_price);

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** What a field is called: one that the page does not know by its own name. */
export const fieldName = (name) => FIELDS.find((field) => field.name === name)?.label ?? capital(name.replaceAll("_", " "));

/** What a value of a field is called. */
export function valueName(field, value) {
  if (value === true || value === "true") return gettext("Yes");
  if (value === false || value === "false") return gettext("No");
  if (field === "categories") return String(value).split("/").map((name) => capital(name.replaceAll(/[-_]+/g, " "))).join(" › ");
  if (field === "language") return capital(languageName(String(value)));
  return field === "kind" ? capital(String(value)) : String(value);
}

const shownNumber = (value) => (Number.isFinite(Number(value)) ? number(Number(value)) : value);

/** What bounds are called. */
export function rangeName({ gte, lte, gt, lt }) {
  const [from, to] = [gte ?? gt, lte ?? lt].map((value) => value && (/^\d{4}-/.test(value) ? value : shownNumber(value)));
  if (lt !== undefined && from === undefined) return gettext("under {to}", { to });
  if (from === undefined) return gettext("up to {to}", { to });
  return to === undefined ? gettext("from {from}", { from }) : gettext("{from} to {to}", { from, to });
}

/** How many conditions there are. */
export const activeCount = (filters = {}) => Object.values(filters).reduce((sum, said) => sum + (Array.isArray(said) ? said.length : 1), 0);

/** A button for each condition that takes it back. */
export function chipsOf(filters, setFilter) {
  const chip = (field, text, left) => {
    const name = `${fieldName(field)}: ${text}`;
    return h("button", { type: "button", class: "chip", "aria-label": gettext("Remove the filter {name}", { name }), onclick: () => setFilter(field, left) }, name, icon("close"));
  };
  return Object.entries(filters ?? {}).flatMap(([field, said]) =>
    Array.isArray(said)
      ? said.map((value) => chip(field, valueName(field, value), said.filter((other) => other !== value)))
      : [chip(field, rangeName(said), null)],
  );
}

const idOf = (...names) => `filter ${names.join(" ")}`.replaceAll(/\s+/g, "-");

function valueRow(field, { value, count }, chosen, choose) {
  const text = String(value);
  const check = h("input", {
    type: "checkbox",
    id: idOf(field, text),
    checked: chosen.includes(text),
    onchange: () => choose(check.checked ? [...chosen, text] : chosen.filter((other) => other !== text)),
  });
  const told = count === null ? null : h("span", { class: "count-of" }, number(count));
  return h("li", {}, h("label", {}, check, h("span", { class: "value" }, valueName(field, value)), told));
}

/** Values to tick; the less frequent ones behind a fold. None where every value is one item's alone. */
function valuesGroup({ name }, counts, said, choose) {
  const chosen = said ?? [];
  const missing = chosen.filter((value) => !counts.some((each) => String(each.value) === value)).map((value) => ({ value, count: null }));
  const rows = [...missing, ...counts];
  if (chosen.length === 0 && (counts.length < 2 || counts[0].count < 2)) return null;
  const first = rows.filter((each, at) => at < SHOWN || chosen.includes(String(each.value)));
  const rest = rows.filter((each) => !first.includes(each));
  const list = (some) => h("ul", {}, some.map((each) => valueRow(name, each, chosen, choose)));
  const more = rest.length
    ? h("details", { class: "fold", "data-field": name }, h("summary", { id: idOf("more", name) }, ngettext("{count} more", "{count} more", rest.length)), list(rest))
    : null;
  return [list(first), more];
}

/** The button that goes below the items that something should be like. */
function below(field, wanted, choose) {
  const values = wanted.flatMap((item) => [item.attributes?.[field.name]].flat().filter((value) => typeof value === "number"));
  if (values.length === 0) return null;
  const least = Math.min(...values);
  const words = field.is_price
    ? ngettext("Cheaper than the item you chose", "Cheaper than the items you chose", values.length)
    : ngettext("Less than the item you chose", "Less than the items you chose", values.length);
  return h("button", { type: "button", class: "chip below", id: idOf("below", field.name), onclick: () => choose({ lt: String(least) }) }, icon("below"), `${words} (${gettext("under {to}", { to: number(least) })})`);
}

function boundInput(field, bound, said, hint, choose) {
  const keys = bound === "gte" ? ["gte", "gt"] : ["lte", "lt"];
  const label = bound === "gte" ? gettext("from") : gettext("to");
  const type = field.type === "date" ? "date" : "number";
  const input = h("input", {
    type,
    id: idOf(field.name, bound),
    step: type === "number" ? "any" : null,
    inputmode: type === "number" ? "decimal" : null,
    value: keys.map((key) => said?.[key]).find(Boolean) ?? null,
    placeholder: hint === undefined ? null : number(hint),
    "aria-label": `${fieldName(field.name)} ${label}`,
    onchange: () => {
      const others = Object.fromEntries(Object.entries(said ?? {}).filter(([key]) => !keys.includes(key)));
      choose(input.value ? { ...others, [bound]: input.value } : others);
    },
  });
  return h("label", { class: "bound" }, h("span", {}, label), input);
}

/** From and to, the ranges that the hits fall into, and less than what was chosen. */
function rangeGroup(field, counts, said, wanted, choose) {
  if (counts.length === 0 && !said) return null;
  const numbers = field.type === "number";
  const [least, most] = numbers && counts.length ? [counts[0].value.gte, counts.at(-1).value.lte] : [];
  if (!said && counts.length === 1 && least === most && wanted.length === 0) return null;
  const ranges = numbers && !said && counts.length > 1 ? counts : [];
  const range = ({ value, count }) =>
    h("li", {}, h("button", { type: "button", class: "range", id: idOf(field.name, value.gte), onclick: () => choose({ gte: String(value.gte), lte: String(value.lte) }) }, h("span", { class: "value" }, rangeName(value)), h("span", { class: "count-of" }, number(count))));
  return [
    below(field, numbers ? wanted : [], choose),
    h("div", { class: "bounds" }, boundInput(field, "gte", said, least, choose), boundInput(field, "lte", said, most, choose)),
    ranges.length ? h("ul", {}, ranges.map(range)) : null,
  ];
}

/**
 * The controls of a field with the values `counts` of the hits, or null where it has nothing to offer;
 * `said` is what it is filtered by, `wanted` the items that something should be like.
 */
export function fieldGroup(field, counts, said, wanted, choose) {
  const ranged = field.type === "number" || field.type === "date";
  const controls = ranged
    ? rangeGroup(field, counts, Array.isArray(said) ? null : said, wanted, choose)
    : valuesGroup(field, counts, Array.isArray(said) ? said : null, choose);
  return controls && h("fieldset", { class: "field", "data-filter": field.name }, h("legend", {}, fieldName(field.name)), controls);
}
