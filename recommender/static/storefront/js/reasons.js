// Why an item is there: the sentence, and what a likeness consists of.

import { h } from "./dom.js";
import { gettext } from "./i18n.js";
import { language } from "./language.js";
import { say } from "./words.js";

const MODALITIES = ["text", "image", "audio"];
const WORD_OF = { text: "words", image: "image", audio: "audio" };
const LEAST_SAID = 0.005;

/** What each modality brought, as shares of what speaks for the item: `[[name, word, share]]`. */
export function brought(modalities) {
  const given = MODALITIES.map((name) => [name, say(WORD_OF[name]), Math.max(0, modalities?.[name] ?? 0)]);
  const total = given.reduce((sum, [, , value]) => sum + value, 0);
  return total > 0 ? given.map(([name, word, value]) => [name, word, value / total]) : [];
}

/** "words 60 %, looks 40 %" */
export function sharesSaid(shares) {
  const told = shares.filter(([, , value]) => value >= LEAST_SAID);
  return told.map(([, word, value]) => `${word} ${Math.round(value * 100)} %`).join(", ");
}

/** A bar of the modalities' colours, `length` of it (0 to 1) full. */
export function shareBar(shares, length = 1) {
  const bar = h("span", { class: "score-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", length);
  for (const [name, , value] of shares) {
    const segment = h("span", { class: name });
    segment.style.setProperty("--part", value);
    bar.append(segment);
  }
  return bar;
}

/** A reason in the list; the first one's sentence stands above it. */
function reason({ text, modalities }, place) {
  const shares = brought(modalities);
  const made = shares.length ? h("span", { class: "shares" }, shareBar(shares), sharesSaid(shares)) : null;
  return place === 0 && !made ? null : h("li", {}, place === 0 ? null : text, made);
}

/** The first reason, and on demand all of them with the shares of the modalities. */
export function why(reasons) {
  const [first] = reasons;
  if (!first) return null;
  const shares = brought(first.modalities);
  if (reasons.length === 1 && shares.length === 0) return h("p", { class: "why", lang: language() }, first.text);
  const told = h("span", { class: "told" }, first.text);
  const hint = [say("why"), sharesSaid(shares)].filter(Boolean).join(" ");
  return h(
    "details",
    { class: "why", lang: language() },
    h("summary", { title: hint }, told, shares.length ? shareBar(shares) : null),
    h("ul", {}, reasons.map(reason)),
  );
}

/** A part's contribution as a bar to the right of the middle, or to the left where it counts against. */
function signedBar(value, longest) {
  const bar = h("span", { class: value < 0 ? "signed against" : "signed", "aria-hidden": "true" });
  bar.style.setProperty("--length", longest > 0 ? Math.abs(value) / longest : 0);
  return bar;
}

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** A row of why a hit is there: what it is, how much it brought. */
function contribution(name, value, longest, kind = "") {
  return h("li", { class: `contribution ${kind}` }, name, signedBar(value, longest), h("span", { class: "amount" }, signed(value)));
}

/**
 * Why a hit is there: its score with what each modality brought, and on demand what each part of the query
 * and each modality did; `names` make those of the parts. `best` is the highest score of the page.
 */
export function whyHit(score, best, contributions, names) {
  const length = best > 0 ? Math.max(0.02, Math.min(1, score / best)) : 0.02;
  const shares = brought(contributions?.modalities);
  const made = shares.length ? `: ${sharesSaid(shares)}` : "";
  const summary = h(
    "summary",
    { class: "score", title: `${gettext("Score {score}", { score: score.toFixed(4) })}${made}` },
    shareBar(shares, length),
    h("span", { class: "visually-hidden" }, `${gettext("Score")} `),
    h("span", {}, score.toFixed(2)),
    h("span", { class: "ask" }, gettext("Why this?")),
  );
  if (!contributions) return h("div", { class: "why" }, h("p", { class: "score" }, [...summary.children].slice(0, 3)));
  const { parts, modalities } = contributions;
  const given = MODALITIES.filter((name) => modalities[name]).map((name) => [name, say(WORD_OF[name]), modalities[name]]);
  const longest = Math.max(...[...parts, ...given.map(([, , value]) => value)].map(Math.abs));
  const list = (label, rows) => (rows.length ? h("ul", { "aria-label": label }, h("li", { class: "of", "aria-hidden": "true" }, label), rows) : null);
  return h(
    "details",
    { class: "why hit" },
    summary,
    h(
      "div",
      { class: "told-why" },
      names && parts.length === names.length && names.length > 1
        ? list(gettext("Your query"), parts.map((value, at) => contribution(names[at](), value, longest)))
        : null,
      list(gettext("Compared by"), given.map(([kind, word, value]) => contribution(h("span", { class: "name" }, word), value, longest, kind))),
    ),
  );
}
