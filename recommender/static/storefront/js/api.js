// The public API, read anonymously; answers are remembered so that going back is instant.

import { gettext } from "./i18n.js";
import { language } from "./language.js";
import { AS_TYPED, filterSaid, uploadOf } from "./query.js";

const ROOT = document.documentElement.dataset.api;
/** What this catalog is filtered by here: `[{name, type, label}]`. */
export const FIELDS = JSON.parse(document.getElementById("fields")?.textContent ?? "[]");
const TYPES = Object.fromEntries(FIELDS.map(({ name, type }) => [name, type]));
const REMEMBER_MS = 5 * 60 * 1000;
const MAX_REMEMBERED = 60;
const answers = new Map();

/** An error answer: application/problem+json, or what we can say without one. */
export class Problem extends Error {
  constructor({ status, title, detail, code, errors }, retryAfterS = null) {
    super(title);
    Object.assign(this, { status, title, detail, code, errors: errors ?? {}, retryAfterS });
  }
}

async function problemOf(response) {
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  let body = {};
  try {
    body = await response.json();
  } catch {
    // not even JSON: a proxy's page
  }
  const told = typeof body.title === "string" ? body : {};
  return new Problem(
    {
      title: gettext("The server could not answer"),
      detail: gettext("It said {what}.", { what: `${response.status} ${response.statusText}` }),
      ...told,
      status: response.status,
    },
    Number.isFinite(seconds) ? seconds : null,
  );
}

async function request(path, init = {}) {
  let response;
  try {
    response = await fetch(new URL(path, new URL(ROOT, location.href)), {
      credentials: "omit",
      ...init,
      headers: { Accept: "application/json", ...init.headers },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      status: 0,
      code: "unreachable",
      title: gettext("The server cannot be reached"),
      detail: gettext("Check the connection, then try again."),
    });
  }
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

async function remembered(key, fetchAnswer) {
  const known = answers.get(key);
  if (known && known.until > Date.now()) return known.answer;
  const answer = await fetchAnswer();
  answers.set(key, { answer, until: Date.now() + REMEMBER_MS });
  if (answers.size > MAX_REMEMBERED) answers.delete(answers.keys().next().value);
  return answer;
}

const get = (path, signal) => remembered(path, () => request(path, { signal }));

/** The first picture or sound that is not known to be broken. */
function firstUrl(item, modality) {
  const usable = (item.media ?? []).find((m) => m.modality === modality && m.status !== "failed");
  return usable?.url ?? null;
}

/** An item of a list as a hit shows it: words in the chosen language, one picture, one sound. */
export function summaryOf(item) {
  if (!("texts" in item)) return item;
  const wanted = language();
  const words = [item, ...item.texts].find((text) => text.language.split("-")[0] === wanted) ?? item;
  return {
    ...item,
    title: words.title,
    description: words.description,
    language: words.language,
    tags: words.tags?.length ? words.tags : item.tags,
    image: firstUrl(item, "image"),
    audio: firstUrl(item, "audio"),
  };
}

function postJson(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return request(path, { method: "POST", body: JSON.stringify(body), headers, signal });
}

/** The answer to JSON sent to an address of the storefront. */
export const post = (address, body) => postJson(new URL(address, location.href).href, body);

/** The request for a composed query, and the files that go with it. */
function asked({ parts, filters = {}, modalities = null, mode = "hybrid", read = "", unread = [] }, limit) {
  const files = [];
  const query = parts
    .filter((part) => part.weight !== 0)
    .map((part) => {
      const weight = part.weight === undefined ? {} : { weight: part.weight };
      if (!part.upload) return { ...(part.item ? { item: part.item } : { text: part.text }), ...weight };
      const { modality, file } = uploadOf(part.upload);
      files.push(file);
      return { [modality]: `file${files.length - 1}`, ...weight };
    });
  const body = { query, limit, lang: language(), explain: true };
  const filter = filterSaid(filters, TYPES);
  if (FIELDS.length) body.facets = FIELDS.map(({ name }) => name);
  if (filter) body.filter = filter;
  if (modalities) body.modalities = modalities;
  if (mode !== "hybrid") body.mode = mode;
  const words = query.filter((part) => part.text);
  if (words.length === 1 && (words[0].weight ?? 1) > 0 && mode !== "lexical" && read !== AS_TYPED) {
    Object.assign(body, { understand: true, by_rules: true }, unread.length ? { unread } : {});
  }
  return { body, files };
}

/** Hits of a composed query with the counts of what it can be filtered by; files travel beside the JSON. */
export function search(query, limit, signal) {
  const { body, files } = asked(query, limit);
  const uploads = query.parts.map((part) => part.upload).filter(Boolean);
  return remembered(JSON.stringify([body, uploads]), () => {
    if (files.length === 0) return postJson("search/", body, signal);
    const form = new FormData();
    files.forEach((file, index) => form.set(`file${index}`, file, file.name));
    form.set("body", JSON.stringify(body));
    return request("search/", { method: "POST", body: form, signal });
  });
}

/** The hits after those whose answer gave `cursor`, of a search or of similar items. */
export function moreHits(cursor, limit, signal) {
  return postJson("search/", { cursor, limit, lang: language(), explain: true }, signal);
}

/** Completions of what is being typed: `[{text, kind}]`. */
export async function suggest(q, signal) {
  return (await get(`suggest/?${new URLSearchParams({ q })}`, signal)).suggestions;
}

export function similar(externalId, limit, signal, modalities = null) {
  const query = new URLSearchParams({ limit, lang: language(), explain: true });
  if (modalities) query.set("modalities", JSON.stringify(modalities));
  return get(`items/${encodeURIComponent(externalId)}/similar/?${query}`, signal);
}

export function item(externalId, signal) {
  return get(`items/${encodeURIComponent(externalId)}/`, signal);
}

/** A page of items: `{results, next}`; `next` goes into `nextItems`. */
export function items(conditions, signal) {
  return get(`items/?${new URLSearchParams(conditions)}`, signal);
}

/** The page behind a `next` link, asked for at our own origin whatever host it names. */
export function nextItems(next, signal) {
  return get(`items/${new URL(next, location.href).search}`, signal);
}

/** The roots of the category tree: `{name, path, items, items_below, children}`. */
export const categories = (signal) => get("categories/", signal);

export const status = () => request("status/");

/**
 * The rows of the first page for a visitor: `[{code, text, items, next_cursor, request_id}]`; `preview` if
 * they will not be shown.
 */
export async function rows({ visitor, session, limit, preview = false }, signal) {
  const query = new URLSearchParams({ visitor, session, limit, preview, lang: language() });
  return (await request(`recommendations/rows/?${query}`, { signal })).rows;
}

/** What goes with an item: `{items, next_cursor, request_id}`. */
export function goesWith(externalId, { visitor, session, limit }, signal) {
  const body = { placement: "item", items: [externalId], visitor, session, limit, lang: language() };
  return postJson("recommendations/", body, signal);
}

/** The recommendations after those whose answer gave `cursor`. */
export function moreRecommended(cursor, limit, signal) {
  return postJson("recommendations/", { cursor, limit, lang: language() }, signal);
}

/** Store events, each once; the answer may come after the page has gone. */
export function sendEvents(events) {
  const headers = { "Content-Type": "application/json" };
  return request("events/", { method: "POST", body: JSON.stringify(events), headers, keepalive: true });
}
