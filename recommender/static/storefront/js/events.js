// Tells the server what is done here. Every event has an id, so that sending it again stores it once;
// none of this ever keeps the page from working.

import { sendEvents } from "./api.js";
import { newId, session, store, stored, visitor } from "./visitor.js";

const OUTBOX = "triad.outbox";
const MOST_KEPT = 200;
const PER_REQUEST = 50;
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 60_000;
const FORBIDDEN = [401, 403];
const OPINIONS = ["like", "dislike", "withdraw"];

const page = document.documentElement;
const waiting = new Map(); // id → what is to be said of an event once the server has answered
const ledHere = new Map(); // item → request_id of the answer it was opened from
let outbox = read();
let sending = false;
let timer = null;
let waitMs = FIRST_WAIT_MS;

function read() {
  try {
    const kept = JSON.parse(stored("sessionStorage", OUTBOX) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function keep(events) {
  outbox = events.slice(-MOST_KEPT);
  store("sessionStorage", OUTBOX, outbox.length ? JSON.stringify(outbox) : null);
}

/** Whether the server takes events from a browser; buttons that need it are hidden otherwise. */
export const eventsAllowed = () => page.dataset.events !== "off";

function forbid() {
  page.dataset.events = "off";
  keep([]);
}

/** Remember which answer brought somebody to an item: what they do there is owed to it. */
export function ledTo(item, requestId) {
  if (requestId) ledHere.set(item, requestId);
}

/**
 * Tell that something was done with an item; `share` is of plays only. Resolves to whether the server
 * took it: later, if it is away now.
 */
export function tell(type, item, { share } = {}) {
  if (!eventsAllowed()) return Promise.resolve(false);
  const event = { id: newId(), visitor: visitor(), session: session(), item, type };
  if (share !== undefined) event.share = Math.round(share * 1000) / 1000;
  if (ledHere.has(item)) event.request_id = ledHere.get(item);
  // of opinions that have not left yet only the last counts
  const overtaken = (one) => OPINIONS.includes(type) && OPINIONS.includes(one.type) && one.item === item && !one.sent;
  const before = outbox.filter(overtaken).map((one) => one.id);
  keep([...outbox.filter((one) => !before.includes(one.id)), event]);
  before.forEach((id) => settle(id, true));
  const taken = new Promise((resolve) => waiting.set(event.id, resolve));
  flush();
  return taken;
}

function settle(id, taken) {
  waiting.get(id)?.(taken);
  waiting.delete(id);
}

function later(problem) {
  clearTimeout(timer);
  timer = setTimeout(flush, problem.retryAfterS ? problem.retryAfterS * 1000 : waitMs);
  waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
}

const body = (batch) => batch.map(({ sent: _, ...event }) => event);

async function flush() {
  if (sending || outbox.length === 0) return;
  sending = true;
  const batch = outbox.slice(0, PER_REQUEST);
  batch.forEach((event) => (event.sent = true));
  const done = (refused) => {
    const ids = batch.map((event) => event.id);
    keep(outbox.filter((event) => !ids.includes(event.id)));
    ids.forEach((id, index) => settle(id, !refused.has(index)));
  };
  try {
    const { errors } = await sendEvents(body(batch));
    waitMs = FIRST_WAIT_MS;
    done(new Set(errors.map((error) => error.index)));
  } catch (problem) {
    const final = problem.status >= 400 && problem.status < 500 && ![408, 429].includes(problem.status);
    if (final) done(new Set(batch.keys()));
    else later(problem);
    if (FORBIDDEN.includes(problem.status)) forbid();
    sending = false;
    if (!final) return;
  }
  sending = false;
  flush();
}

/** Whoever starts over takes nothing along. */
export function forgetEvents() {
  keep([]);
  ledHere.clear();
}

/** Begin: send what an earlier page could not. */
export function startEvents() {
  outbox.forEach((event) => (event.sent = true)); // it may have arrived
  addEventListener("online", flush);
  addEventListener("pagehide", flush);
  flush();
}
