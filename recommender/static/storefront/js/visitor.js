// Who is looking: a random name that lives in this browser and says nothing about the person.

const VISITOR = "triad.visitor";
const SESSION = "triad.session";
const PREFIX = "web-";
const kept = new Map(); // where storage is blocked, a name lasts as long as the page

function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // only pages of a secure origin have the above
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** An identifier that nothing else has, for a visitor, a visit or an event. */
export const newId = (prefix = "") => `${prefix}${uuid()}`;

/** What a storage holds under a key, or null. */
export function stored(storage, key) {
  try {
    return window[storage].getItem(key);
  } catch {
    return kept.get(key) ?? null;
  }
}

/** Keep a text under a key; null forgets it. */
export function store(storage, key, text) {
  kept.set(key, text);
  try {
    if (text === null) window[storage].removeItem(key);
    else window[storage].setItem(key, text);
  } catch {
    // blocked or full: it lasts as long as the page
  }
}

function lasting(storage, key, prefix) {
  const known = stored(storage, key) ?? kept.get(key);
  if (known) return known;
  const made = newId(prefix);
  store(storage, key, made);
  return made;
}

/** The name of whoever uses this browser. */
export const visitor = () => lasting("localStorage", VISITOR, PREFIX);

/** The name of this visit: it ends with the tab. */
export const session = () => lasting("sessionStorage", SESSION, "");

/** Become somebody new. */
export function newVisitor() {
  store("localStorage", VISITOR, null);
  store("sessionStorage", SESSION, null);
  return visitor();
}
