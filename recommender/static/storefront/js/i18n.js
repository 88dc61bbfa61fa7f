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

/** A number as the page's language writes it. */
export const number = (value) => value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 2 });
