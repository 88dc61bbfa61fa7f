// What the page says, in the language it came in: Django's catalog travels with it.

const phrases = JSON.parse(document.getElementById("phrases")?.textContent ?? "{}");

function filled(text, values) {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A phrase of the page; `{name}` in it becomes `values.name`. */
export const gettext = (text, values = {}) => filled(phrases[text] ?? text, values);

/** The phrase for a number of things, which is `{count}` in it. */
export function ngettext(one, many, count) {
  const forms = phrases[one] ?? [one, many];
  const form = Array.isArray(forms) ? forms[Math.min(count === 1 ? 0 : 1, forms.length - 1)] : forms;
  return filled(form, { count: count.toLocaleString(document.documentElement.lang) });
}

const MOST_DIGITS = 15; // before the point: more are no amount that somebody reads

/** A number as the page's language writes it; a huge one by its power of ten, as in 1E308. */
export function number(value) {
  const notation = Math.abs(value) < 10 ** MOST_DIGITS ? "standard" : "scientific";
  return value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 2, notation });
}
