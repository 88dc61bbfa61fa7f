// Waiting, nothing found, and errors that say what to do next.

import { h, icon, announce } from "./dom.js";
import { gettext } from "./i18n.js";

const MAX_AUTOMATIC_RETRIES = 5;

export function skeletonCards(count) {
  const card = () =>
    h("div", { class: "card skeleton" }, h("div", { class: "picture" }), h("span"), h("span"));
  return h("div", { class: "grid", "aria-hidden": "true" }, Array.from({ length: count }, card));
}

export function emptyState(title, text) {
  return h("div", { class: "state" }, h("h2", {}, title), h("p", {}, text));
}

/** What the detail does not say already. */
function fieldErrors(problem) {
  const rows = Object.entries(problem.errors)
    .map(([field, said]) => [field, [].concat(said).join(" ")])
    .filter(([, said]) => !problem.detail.includes(said));
  if (rows.length === 0) return null;
  return h("ul", {}, rows.map(([field, said]) => h("li", {}, h("code", {}, field), ` ${said}`)));
}

function waitingFor(code) {
  if (code === "workers_busy") return gettext("The workers are busy");
  return code === "throttled" ? gettext("Too many requests") : gettext("Please wait");
}

/** What happens next when the server said how long to wait. */
function countdown(problem, retry, signal) {
  let left = Math.max(1, problem.retryAfterS);
  const line = h("p", { class: "countdown" });
  const say = () => {
    line.textContent = `${waitingFor(problem.code)}: ${gettext("trying again in {left} s", { left })}`;
  };
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) say();
    else {
      clearInterval(timer);
      retry();
    }
  }, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
  say();
  return [line, () => clearInterval(timer)];
}

function errorState(problem, { retry, attempt, signal }) {
  const waits = problem.retryAfterS !== null && attempt < MAX_AUTOMATIC_RETRIES;
  const [line, cancel] = waits ? countdown(problem, retry, signal) : [null, () => {}];
  const worthRetrying = waits || [0, 409, 429].includes(problem.status) || problem.status >= 500;
  const now = () => {
    cancel();
    retry();
  };
  announce(`${problem.title}. ${problem.detail}`);
  return h(
    "div",
    { class: "state error", "data-status": problem.status, "data-code": problem.code },
    icon("alert"),
    h("h2", {}, problem.title),
    h("p", {}, problem.detail),
    fieldErrors(problem),
    line,
    worthRetrying
      ? h("button", { type: "button", class: "button", onclick: now }, gettext("Try now"))
      : h("a", { class: "button", href: document.documentElement.dataset.home }, gettext("To the first page")),
  );
}

function asProblem(error) {
  if ("retryAfterS" in error) return error;
  return { status: -1, code: "page", title: gettext("This page stumbled"), detail: String(error), errors: {}, retryAfterS: null };
}

/** Fill `box`: a placeholder, then what `show` makes of the answer, or the error with a way on. */
export async function loadInto(box, { placeholder, fetch, show, signal }, attempt = 0) {
  const retry = () => loadInto(box, { placeholder, fetch, show, signal }, attempt + 1);
  box.replaceChildren(placeholder());
  box.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch();
    if (!signal.aborted) box.replaceChildren(...[show(answer)].flat());
  } catch (error) {
    if (signal.aborted) return;
    box.replaceChildren(errorState(asProblem(error), { retry, attempt, signal }));
  } finally {
    if (!signal.aborted) box.removeAttribute("aria-busy");
  }
}
