// Rows of recommendations: on the first page, and beside an item.

import { goesWith, moreRecommended, rows, similar } from "./api.js";
import { card } from "./cards.js";
import { announce, h, icon } from "./dom.js";
import { language } from "./language.js";
import { onOpinion } from "./opinions.js";
import { shelf, skeletonShelf } from "./shelves.js";
import { session, visitor } from "./visitor.js";
import { say } from "./words.js";

const PER_ROW = 12;
const LEAST = 3; // fewer are no row
const FIRST_LOOK_MS = 300; // a worker has usually taken in an opinion by then
const FOLLOW_MS = 3_000;
const RETRIES = 4;
const RETRY_MS = 2_000;
const KEPT_MS = 2 * 60 * 1000; // going back shows what was there
const BEHAVIOUR = ["used_together", "seen_together"];

let shown = null; // {box, signal, list, key, at}: the rows of the first page as they were drawn last
let latest = null; // {item, opinion, at}: what they should follow
let following = new AbortController();

const asker = (limit) => ({ visitor: visitor(), session: session(), limit });
const keyNow = () => `${visitor()} ${language()}`;

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
  });
}

function recommendedCard(requestId, { item, reasons }, options = {}) {
  return card(item, { reasons, requestId, ...options });
}

/** Ends a row that has more: what it brings comes before it. */
function moreCard(row, telling, signal) {
  let next = row.next_cursor;
  const button = h("button", { type: "button", class: "card more-card", lang: language() }, icon("plus"), h("span", {}, say("more")));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const page = await moreRecommended(next, row.items.length, signal);
      const cards = page.items.map((each) => recommendedCard(page.request_id, telling(each)));
      button.before(...cards);
      next = page.next_cursor;
      if (!next) button.remove();
      cards[0]?.querySelector("a")?.focus({ preventScroll: true });
    } catch (problem) {
      if (!signal.aborted) announce(problem.detail);
    }
    button.disabled = false;
  });
  return button;
}

const nameOf = (row) => [row.code, row.item ?? row.category ?? ""].join(" ");

/** What the row's title says is no news under its cards. */
const SAID_BY_TITLE = { trending: "trending", new: "new", new_in: "new" };

function recommendedShelf(row, signal) {
  const telling = ({ reasons, ...each }) => ({ ...each, reasons: reasons.filter(({ code }) => code !== SAID_BY_TITLE[row.code]) });
  const cards = row.items.map((each) => recommendedCard(row.request_id, telling(each)));
  const more = row.next_cursor ? moreCard(row, telling, signal) : null;
  return shelf(row.text, [...cards, more], { about: { "data-row": nameOf(row), lang: language() } });
}

/** What had the focus: the card, and which of its controls. */
function focusedIn(box) {
  const control = box.contains(document.activeElement) ? document.activeElement : null;
  const of = control?.closest(".card")?.dataset.id;
  const which = control?.dataset.opinion ? `[data-opinion="${control.dataset.opinion}"]` : "a, button";
  return control && { of, which };
}

function focusAgain(box, { of, which }) {
  const same = of && box.querySelector(`.card[data-id="${CSS.escape(of)}"]`);
  (same?.querySelector(which) ?? box.querySelector(".row"))?.focus({ preventScroll: true });
}

function draw({ box, signal, list }) {
  const scrolled = new Map([...box.children].map((each) => [each.dataset.row, each.querySelector(".row")?.scrollLeft ?? 0]));
  const focused = focusedIn(box);
  box.replaceChildren(...list.filter((row) => row.items.length).map((row) => recommendedShelf(row, signal)));
  for (const each of box.children) each.querySelector(".row").scrollLeft = scrolled.get(each.dataset.row) ?? 0;
  if (focused) focusAgain(box, focused);
  box.removeAttribute("aria-busy");
}

const named = (list, item) =>
  list.some((row) => row.item === item || row.items.some(({ reasons }) => reasons.some((reason) => reason.item === item)));
const listed = (list, item) => list.some((row) => row.items.some((each) => each.item.external_id === item));

/** Whether the rows know of the opinion: what is liked is a reason, what is not is gone. */
function reflects(list, { item, opinion }) {
  if (opinion === "like") return named(list, item);
  return !named(list, item) && (opinion === null || !listed(list, item));
}

/** The rows once they follow the latest opinion, or as they are when that takes too long. */
async function rowsFollowing(signal) {
  const until = (latest?.at ?? 0) + FOLLOW_MS;
  for (let wait = FIRST_LOOK_MS; Date.now() + wait < until; wait *= 2) {
    await pause(wait, signal);
    const seen = await rows({ ...asker(PER_ROW), preview: true }, signal);
    if (reflects(seen, latest)) break;
  }
  return rows(asker(PER_ROW), signal);
}

/** Ask and draw, unless something newer is asked for meanwhile; whether it was drawn. */
async function fill(box, signal, attempt = 0) {
  if (attempt === 0) {
    following.abort();
    following = new AbortController();
  }
  const wanted = AbortSignal.any([signal, following.signal]);
  try {
    const list = await rowsFollowing(wanted);
    if (wanted.aborted) return false;
    shown = { box, signal, list, key: keyNow(), at: Date.now() };
    draw(shown);
    return true;
  } catch (problem) {
    // the page does without: it has shelves of its own
    if (wanted.aborted) return false;
    box.removeAttribute("aria-busy");
    box.querySelector(".shelf[aria-hidden]")?.remove();
    const refused = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
    if (refused || attempt === RETRIES) return false;
    await pause(problem.retryAfterS ? problem.retryAfterS * 1000 : RETRY_MS * 2 ** attempt, wanted);
    return wanted.aborted ? false : fill(box, signal, attempt + 1);
  }
}

/** The rows of the first page in `box`, now and after every opinion until `signal` aborts. */
export function recommendedRows(box, signal) {
  const fresh = shown && shown.key === keyNow() && Date.now() - shown.at < KEPT_MS && shown.at > (latest?.at ?? 0);
  if (fresh) {
    shown = { ...shown, box, signal };
    draw(shown);
    return;
  }
  shown = { box, signal, list: [], key: "", at: 0 };
  box.setAttribute("aria-busy", "true");
  box.replaceChildren(skeletonShelf());
  fill(box, signal);
}

async function follow(item, opinion) {
  latest = { item, opinion, at: Date.now() };
  if (shown?.signal.aborted === false && (await fill(shown.box, shown.signal))) announce(say("updated"));
}

onOpinion(follow);

/** Ask anew, for somebody new. */
export function recommendAnew() {
  latest = null;
  const before = shown;
  shown = null;
  if (before?.signal.aborted === false) recommendedRows(before.box, before.signal);
}

/** A row of what goes with an item; what is merely alike is in the other list already. */
export async function besides(id, limit, signal) {
  const [answer, kin] = await Promise.all([goesWith(id, asker(PER_ROW), signal), similar(id, limit, signal)]);
  const alike = new Set(kin.hits.map((hit) => hit.item.external_id));
  const done = ({ reasons }) => reasons.some((reason) => BEHAVIOUR.includes(reason.code));
  const others = answer.items.filter((each) => done(each) || !alike.has(each.item.external_id));
  if (others.length < LEAST) return null;
  const title = others.some(done) ? "others" : "besides";
  const telling = ({ reasons, ...each }) => ({ ...each, reasons: reasons.filter((reason) => reason.item !== id) });
  return shelf(say(title), others.map((each) => recommendedCard(answer.request_id, telling(each))), { about: { lang: language() } });
}
