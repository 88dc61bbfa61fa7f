// Why an item is there: the sentence, and what a likeness consists of.

import { h } from "./dom.js";
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
