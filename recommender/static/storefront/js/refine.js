// The panel beside the results: how much each modality counts, how words are matched, and filters.

import { FIELDS, item as fetchItem, search } from "./api.js";
import { h } from "./dom.js";
import { activeCount, chipsOf, fieldGroup } from "./filters.js";
import { gettext, number } from "./i18n.js";
import { amend, currentRoute, navigate, refresh } from "./navigation.js";
import { MODALITIES, MODES, modalitiesSaid } from "./query.js";

const PAUSE_MS = 350; // after a slider was moved, before it is searched with
const WIDE = matchMedia("(min-width: 64rem)");
const panel = document.getElementById("refine");
const box = document.getElementById("filters");
const sliders = Object.fromEntries(MODALITIES.map((name) => [name, panel.querySelector(`[name="by.${name}"]`)]));
const modes = [...panel.querySelectorAll('[name="mode"]')];
let waiting = null;

/** Whether somebody is at it: the page stays where it is then. */
export const refining = () => !panel.hidden && panel.contains(document.activeElement);

/** Show the same query refined otherwise. */
function refine(change) {
  navigate({ ...currentRoute(), ...change });
}

function dress(slider) {
  const value = Number(slider.value);
  const said = value === 0 ? gettext("left out") : number(value);
  slider.style.setProperty("--at", value / Number(slider.max));
  slider.setAttribute("aria-valuetext", said);
  slider.parentElement.querySelector("output").textContent = said;
}

/** The weights count at once for whatever is done next, and are searched with once they rest. */
function weigh() {
  const weights = Object.fromEntries(MODALITIES.map((name) => [name, Number(sliders[name].value)]));
  amend({ modalities: modalitiesSaid(weights) });
  clearTimeout(waiting);
  waiting = setTimeout(refresh, PAUSE_MS);
}

function setFilter(field, said) {
  const { [field]: _, ...others } = currentRoute().filters;
  const empty = said === null || (Array.isArray(said) ? said.length === 0 : Object.keys(said).length === 0);
  refine({ filters: empty ? others : { ...others, [field]: said } });
}

/** The panel as a place says; what it can be filtered by comes with the answer. */
export function showRefinement(route) {
  clearTimeout(waiting);
  panel.hidden = route.view !== "search";
  if (panel.hidden) return;
  const { modalities, mode = MODES[0], parts } = route;
  for (const name of MODALITIES) {
    sliders[name].value = modalities ? (modalities[name] ?? 0) : 1;
    dress(sliders[name]);
  }
  const hasWords = parts.some((part) => part.text);
  for (const radio of modes) {
    radio.checked = radio.value === mode;
    radio.disabled = radio.value === "lexical" && !hasWords && mode !== "lexical";
  }
  const count = activeCount(route.filters) + (modalities ? 1 : 0) + (mode === MODES[0] ? 0 : 1);
  panel.querySelector(".refined").textContent = count ? String(count) : "";
  panel.querySelector("#reset").hidden = count === 0;
}

/**
 * Of each field that is filtered by values, what it would offer without: others can be chosen beside.
 * A search that was made before is not made again.
 */
async function alternatives(query, limit, signal) {
  const chosen = FIELDS.map(({ name }) => name).filter((name) => Array.isArray(query.filters[name]));
  const found = await Promise.all(
    chosen.map(async (name) => {
      const { [name]: _, ...filters } = query.filters;
      const answer = await search({ ...query, filters }, limit, signal).catch(() => null);
      return [name, answer?.facets?.[name] ?? null];
    }),
  );
  return Object.fromEntries(found.filter(([, counts]) => counts));
}

/** The items of a query that something should be like. */
async function itemsWanted({ parts }, signal) {
  const wanted = parts.filter((part) => part.item && (part.weight ?? 1) > 0);
  const items = await Promise.all(wanted.map((part) => fetchItem(part.item, signal).catch(() => null)));
  return items.filter(Boolean);
}

/** The filters with the counts of an answer; what had the focus keeps it. */
export async function showFilters(query, answer, limit, signal) {
  const [beside, wanted] = await Promise.all([alternatives(query, limit, signal), itemsWanted(query, signal)]);
  if (signal.aborted) return;
  const counts = { ...answer.facets, ...beside };
  const groups = FIELDS.map((field) =>
    fieldGroup(field, counts[field.name] ?? [], query.filters[field.name] ?? null, wanted, (said) => setFilter(field.name, said)),
  );
  const opened = [...box.querySelectorAll("details[open]")].map((each) => each.dataset.field);
  const focused = box.contains(document.activeElement) ? document.activeElement.id : null;
  box.replaceChildren(...groups.filter(Boolean));
  for (const each of box.querySelectorAll("details")) each.open = opened.includes(each.dataset.field);
  if (focused) (document.getElementById(focused) ?? panel.querySelector("summary")).focus({ preventScroll: true });
}

/** What the hits are filtered by, each to be taken back; null without any. */
export function filterChips(filters) {
  const chips = chipsOf(filters, setFilter);
  if (chips.length === 0) return null;
  const clear = h("button", { type: "button", class: "as-link", onclick: () => refine({ filters: {} }) }, gettext("Clear all filters"));
  return h("ul", { class: "chips", "aria-label": gettext("Filtered by") }, chips.map((chip) => h("li", {}, chip)), h("li", {}, clear));
}

/** Wire the panel up, once. */
export function startRefining() {
  for (const slider of Object.values(sliders)) {
    slider.addEventListener("input", () => {
      dress(slider);
      weigh();
    });
  }
  for (const radio of modes) radio.addEventListener("change", () => refine({ mode: radio.value }));
  panel.querySelector("#reset").addEventListener("click", () => {
    panel.querySelector("summary").focus();
    refine({ filters: {}, modalities: null, mode: MODES[0] });
  });
  const fold = () => {
    panel.querySelector("details").open = WIDE.matches;
  };
  WIDE.addEventListener("change", fold);
  fold();
}
