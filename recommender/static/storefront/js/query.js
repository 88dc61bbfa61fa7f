// What a query is made of: words, items, and files that live only as long as the page.
//
// A part is {text}, {item} or {upload}, with a {weight} unless it is 1. Files cannot be in an address:
// the history entry holds the upload's key, and after a reload the query is what the address says.

/** What a dragged card carries: its external_id. */
export const DRAGGED_ITEM = "application/x-triad-item";

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

/** How much a part may count: the weights offered, and what they are called. */
export const WEIGHTS = [
  [2, "much like"],
  [1, "like"],
  [0.5, "a bit like"],
  [-0.5, "less like"],
  [-1, "not like"],
];

/** A part with another weight. */
export function weighted({ weight: _, ...part }, weight) {
  return weight === 1 ? part : { ...part, weight };
}

/** The parts an address names; `w` holds their weights in order. */
export function partsOfParams(params) {
  const words = params.getAll("q").map((text) => text.trim()).filter(Boolean);
  const parts = [...words.map((text) => ({ text })), ...params.getAll("item").map((item) => ({ item }))];
  const weights = (params.get("w") ?? "").split(",").map(Number);
  return parts.map((part, at) => weighted(part, WEIGHTS.some(([value]) => value === weights[at]) ? weights[at] : 1));
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
