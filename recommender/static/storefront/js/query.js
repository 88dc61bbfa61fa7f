// What a query is made of: words, items, and files that live only as long as the page.
//
// A part is {text}, {item} or {upload}. Files cannot be in an address: the history entry holds the
// upload's key, and after a reload the query is what the address says.

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

/** The parts an address names. */
export function partsOfParams(params) {
  const words = params.getAll("q").map((text) => text.trim()).filter(Boolean);
  return [...words.map((text) => ({ text })), ...params.getAll("item").map((item) => ({ item }))];
}

/** The parts an address can name, as its parameters. */
export function paramsOfParts(parts) {
  return parts.flatMap((part) => {
    if (part.text) return [["q", part.text]];
    return part.item ? [["item", part.item]] : [];
  });
}

/** Parts of a history entry whose files are still here; null when any is gone. */
export function partsOfState(state) {
  const parts = state?.parts;
  if (!Array.isArray(parts)) return null;
  return parts.every((part) => !part.upload || uploads.has(part.upload)) ? parts : null;
}
