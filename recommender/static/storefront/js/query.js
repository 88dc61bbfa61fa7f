// What a query is made of: words, items, and files that live only as long as the page; and what
// refines it: filters, how much each modality counts, how words are matched, and whether they are read as a
// sentence (`read`) and which of its conditions are not meant (`unread`).
//
// A part is {text}, {item} or {upload}, with a {weight} unless it is 1; a part that weighs 0 is left out
// of the search for now. Files cannot be in an address: the history entry holds the upload's key, and
// after a reload the query is what the address says.

/** What a dragged card carries: its external_id. */
export const DRAGGED_ITEM = "application/x-triad-item";
export const MODALITIES = ["text", "image", "audio"];
export const MODES = ["hybrid", "dense", "lexical"]; // the first one is meant where none is said
export const MOST = 2; // how much a part or a modality can weigh
export const STEP = 0.25;
export const AS_TYPED = "words"; // `read` of a search whose words are no sentence
const BOUNDS = ["gte", "lte", "gt", "lt"];

const uploads = new Map();
let made = 0;

/** Keep a picture or sound; the part to put into a query. */
export function uploadPart(modality, file) {
  made += 1;
  const key = `${modality}-${made}`;
  uploads.set(key, { modality, file, url: URL.createObjectURL(file) });
  return { upload: key };
}

export const uploadOf = (key) => uploads.get(key);

/** A part with another weight. */
export function weighted({ weight: _, ...part }, weight) {
  return weight === 1 ? part : { ...part, weight };
}

/** Whether two parts are the same but for their weights. */
export const samePart = (one, other) => ["text", "item", "upload"].every((kind) => one[kind] === other[kind]);

function clamped(text, least) {
  const value = text?.trim() ? Number(text) : 1;
  return Number.isFinite(value) ? Math.min(MOST, Math.max(least, Math.round(value * 100) / 100)) : 1;
}

/** The parts an address names; `w` holds their weights in order, those of empty words too. */
export function partsOfParams(params) {
  const named = [...params.getAll("q").map((text) => ({ text: text.trim() })), ...params.getAll("item").map((item) => ({ item }))];
  const weights = params.getAll("w").flatMap((text) => text.split(","));
  return named.map((part, at) => weighted(part, clamped(weights[at], -MOST))).filter((part) => part.text || part.item);
}

/** The parts an address can name, as its parameters. */
export function paramsOfParts(parts) {
  const named = [...parts.filter((part) => part.text), ...parts.filter((part) => part.item)];
  const params = named.map((part) => (part.text ? ["q", part.text] : ["item", part.item]));
  const weights = named.map((part) => part.weight ?? 1);
  return weights.some((weight) => weight !== 1) ? [...params, ["w", weights.join(",")]] : params;
}

/** Parts of a history entry whose files are still here; null when any is gone. */
export function partsOfState(state) {
  const parts = state?.parts;
  if (!Array.isArray(parts)) return null;
  return parts.every((part) => !part.upload || uploads.has(part.upload)) ? parts : null;
}

/** How much each modality counts by an address, or null where none is more than another. */
export function modalitiesOfParams(params) {
  const said = MODALITIES.filter((name) => params.get(`by.${name}`)?.trim());
  if (said.length === 0) return null;
  const weights = Object.fromEntries(MODALITIES.map((name) => [name, said.includes(name) ? clamped(params.get(`by.${name}`), 0) : 0]));
  return modalitiesSaid(weights);
}

/** Weights worth saying: null where they are all the same, or none. */
export function modalitiesSaid(weights) {
  const differ = MODALITIES.some((name) => weights[name] !== weights.text);
  return differ ? Object.fromEntries(MODALITIES.filter((name) => weights[name] > 0).map((name) => [name, weights[name]])) : null;
}

/**
 * What an address filters by: `{field: [value, …]}` of texts, `{field: {gte, lte, gt, lt}}` of ranges.
 * As in `f.kind=stamp&f.price.lt=50`; an unknown field is passed on, the server says what is wrong with it.
 * The object inherits nothing: a field called `__proto__` is a name like any other.
 */
export function filtersOfParams(params) {
  const filters = Object.create(null);
  for (const [name, given] of params) {
    const value = given.trim();
    if (!name.startsWith("f.") || !value) continue;
    const dot = name.lastIndexOf(".");
    const bound = name.slice(dot + 1);
    if (dot > 1 && BOUNDS.includes(bound)) (filters[name.slice(2, dot)] ??= {})[bound] = value;
    else if (!Array.isArray(filters[name.slice(2)])) filters[name.slice(2)] = [value];
    else if (!filters[name.slice(2)].includes(value)) filters[name.slice(2)].push(value);
  }
  return filters;
}

export function paramsOfRefinement({ filters = {}, modalities = null, mode = MODES[0], read = "", unread = [] }) {
  const ofFilter = ([field, said]) =>
    Array.isArray(said) ? said.map((value) => [`f.${field}`, value]) : Object.entries(said).map(([bound, value]) => [`f.${field}.${bound}`, value]);
  return [
    ...Object.entries(filters).flatMap(ofFilter),
    ...MODALITIES.filter((name) => modalities?.[name]).map((name) => [`by.${name}`, String(modalities[name])]),
    ...(mode === MODES[0] ? [] : [["mode", mode]]),
    ...(read ? [["read", read]] : []),
    ...unread.map((key) => ["unread", key]),
  ];
}

export function refinementOfParams(params) {
  const mode = params.get("mode");
  return {
    filters: filtersOfParams(params),
    modalities: modalitiesOfParams(params),
    mode: MODES.includes(mode) ? mode : MODES[0],
    read: params.get("read") === AS_TYPED ? AS_TYPED : "",
    unread: params.getAll("unread"),
  };
}

/** A value as a field of this type has it; what is no such value stays as it is, for the server to refuse. */
function typed(value, type) {
  if (type === "number") return value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
  if (type === "boolean") return value === "true" || (value === "false" ? false : value);
  return value;
}

/** The filter of a request, or null; `types` are those of the fields by name. */
export function filterSaid(filters, types) {
  const conditions = Object.entries(filters).map(([field, said]) => {
    if (!Array.isArray(said)) return [field, Object.fromEntries(Object.entries(said).map(([bound, value]) => [bound, typed(value, types[field])]))];
    const values = said.map((value) => typed(value, types[field]));
    return [field, values.length === 1 ? values[0] : { in: values }];
  });
  return conditions.length ? Object.fromEntries(conditions) : null;
}
