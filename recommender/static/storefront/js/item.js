// One item: large picture, sounds, videos, words in every language, and its kin.

import { item as fetchItem, similar, summaryOf } from "./api.js";
import { details } from "./attributes.js";
import { categoryName, picture } from "./cards.js";
import { addToQuery } from "./composer.js";
import { h, icon } from "./dom.js";
import { tell } from "./events.js";
import { gettext } from "./i18n.js";
import { kinToggles } from "./kin.js";
import { language, languageName } from "./language.js";
import { addressOf } from "./navigation.js";
import { opinionButtons } from "./opinions.js";
import { playButton } from "./player.js";
import { besides } from "./recommended.js";
import { refillable } from "./results.js";
import { loadInto } from "./states.js";

const KIN = 12;
let viewed = null; // the place that was told of last: in another language it is the same look

function usable(item, modality) {
  return item.media.filter((medium) => medium.modality === modality && medium.status !== "failed");
}

function pictures(item, shown) {
  const { title } = shown;
  const images = usable(item, "image");
  const stage = h("div", { class: "stage" }, picture(images[0]?.url, images[0]?.alt || title, shown, { eager: true }));
  if (images.length < 2) return h("div", { class: "gallery" }, stage);
  const show = (image) => stage.replaceChildren(picture(image.url, image.alt || title, shown, { eager: true }));
  const thumb = (image, index) =>
    h("button", { type: "button", "aria-label": gettext("Picture {number}", { number: index + 1 }), onclick: () => show(image) }, h("img", { src: image.url, alt: "" }));
  return h("div", { class: "gallery" }, stage, h("div", { class: "thumbs" }, images.map(thumb)));
}

function seconds(duration) {
  return duration ? `${duration.toFixed(1)} s` : "";
}

function sounds(item, title) {
  const played = (share) => tell("play", item.external_id, { share });
  const rows = usable(item, "audio").map((sound, index, all) => {
    const name = sound.alt || (all.length > 1 ? gettext("Sound {number}", { number: index + 1 }) : gettext("Listen"));
    return h("li", {}, playButton(sound.url, sound.alt || gettext("the sound of {title}", { title }), "play inline", played), h("span", {}, name), h("span", { class: "duration" }, seconds(sound.duration_s)));
  });
  return rows.length ? h("ul", { class: "sounds", "aria-label": gettext("Sounds") }, rows) : null;
}

function videos(item, title) {
  const rows = usable(item, "video").map((video) =>
    h("video", { src: video.url, controls: true, preload: "metadata", "aria-label": video.alt || gettext("a video of {title}", { title }) }),
  );
  return rows.length ? h("div", { class: "videos" }, rows) : null;
}

function titles(item, shown) {
  const texts = [item, ...item.texts];
  if (texts.length < 2) return null;
  const rows = texts.map((text) =>
    h("div", { class: text.language === shown ? "shown" : null }, h("dt", { lang: text.language }, languageName(text.language)), h("dd", { lang: text.language }, text.title)),
  );
  return h("section", { class: "titles" }, h("h2", {}, gettext("In other words")), h("dl", {}, rows));
}

function chips(className, label, entries) {
  return entries.length ? h("ul", { class: className, "aria-label": label }, entries.map((entry) => h("li", {}, entry))) : null;
}

function detail(item) {
  const shown = summaryOf(item);
  document.title = `${shown.title} · Triad`;
  const category = (path) => h("a", { href: addressOf({ view: "category", path }) }, path.split("/").map(categoryName).join(" › "));
  const tag = (word) => h("a", { href: addressOf({ view: "search", parts: [{ text: word }] }), lang: shown.language }, word);
  return h(
    "article",
    { class: "detail" },
    pictures(item, shown),
    h(
      "div",
      { class: "facts" },
      chips("categories", gettext("Categories"), item.categories.map(category)),
      h("h1", { lang: shown.language, tabindex: "-1" }, shown.title),
      shown.description ? h("p", { class: "description", lang: shown.language }, shown.description) : null,
      sounds(item, shown.title),
      videos(item, shown.title),
      h(
        "div",
        { class: "buttons" },
        opinionButtons(shown, { labelled: true }),
        h("a", { class: "button primary", href: addressOf({ view: "similar", id: item.external_id }) }, icon("similar"), gettext("Similar")),
        h("button", { type: "button", class: "button", onclick: () => addToQuery({ item: item.external_id }, shown) }, icon("plus"), gettext("Add to the search")),
      ),
      details(item),
      chips("tags", gettext("Tags"), shown.tags.map(tag)),
      titles(item, shown.language ?? language()),
      h("p", { class: "identifier" }, h("code", {}, item.external_id)),
    ),
  );
}

function placeholder() {
  return h("div", { class: "detail skeleton", "aria-hidden": "true" }, h("div", { class: "gallery" }), h("div", { class: "facts" }, h("span"), h("span"), h("span")));
}

function look(route) {
  if (viewed !== route) tell("view", route.id);
  viewed = route;
}

/** What goes with the item, above what is like it; nothing while there is nothing to say. */
async function showBesides(box, id, signal) {
  try {
    const row = await besides(id, KIN, signal);
    if (row && !signal.aborted) box.replaceChildren(row);
  } catch {
    // the page does without
  }
}

export function itemView(view, route, signal) {
  const { id } = route;
  const box = h("div");
  const company = h("div");
  const kin = h("section", { class: "kin", "aria-label": gettext("Similar items") });
  view.replaceChildren(box);
  return loadInto(box, {
    placeholder,
    fetch: () => fetchItem(id, signal),
    show: (item) => {
      look(route);
      showBesides(company, id, signal);
      const list = h("div");
      const fill = refillable(list, (limit, latest) => similar(id, limit, latest, route.modalities), signal, { limit: KIN, heading: "h3" });
      kin.replaceChildren(h("h2", {}, gettext("More like this")), kinToggles(route, item, fill), list);
      fill();
      return [detail(item), company, kin];
    },
    signal,
  });
}
