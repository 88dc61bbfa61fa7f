// The parts of a query as they are shown: what each is, and how much it counts, from "not like" to "like".

import { item as fetchItem, summaryOf } from "./api.js";
import { h, icon } from "./dom.js";
import { gettext, number } from "./i18n.js";
import { playButton } from "./player.js";
import { MOST, STEP, uploadOf } from "./query.js";

const list = document.getElementById("parts");
const known = new Map(); // items seen in this page, by external_id: names for the parts

/** Remember how an item is called; whatever names it already says so too. */
export function introduce(item) {
  known.set(item.external_id, item);
  for (const label of document.querySelectorAll(`[data-names="${CSS.escape(item.external_id)}"]`)) label.textContent = item.title;
}

/** What a weight means, in words. */
export function weightSaid(weight) {
  const words =
    weight === 0 ? gettext("left out")
    : weight > 1.25 ? gettext("much like")
    : weight > 0.5 ? gettext("like")
    : weight > 0 ? gettext("a bit like")
    : weight >= -0.5 ? gettext("less like")
    : gettext("not like");
  return words;
}

/** What a part is called; an item by its title once that is known. */
export function partName(part) {
  if (part.text) return part.text;
  if (part.item) return known.get(part.item)?.title ?? part.item;
  return uploadOf(part.upload)?.file.name ?? part.upload;
}

/** What a part is called, for showing: an item's identifier becomes its title when that is known. */
export function partLabelled(part) {
  return h("span", { class: "name", "data-names": part.item ?? null }, partName(part));
}

function itemLabel(id, named) {
  const label = h("span", { class: "name" }, known.get(id)?.title ?? id);
  const thumb = h("span", { class: "thumb" }, icon("similar"));
  const fill = (item) => {
    introduce(item);
    label.textContent = item.title;
    label.lang = item.language;
    if (item.image) thumb.replaceChildren(h("img", { src: item.image, alt: "" }));
    named(item.title);
  };
  if (known.has(id)) queueMicrotask(() => fill(known.get(id)));
  else fetchItem(id).then((item) => fill(summaryOf(item)), () => {});
  return [thumb, label];
}

/** The kind of a part, and what shows it; `named` is called when its name turns out to be another. */
function partLabel(part, named) {
  if (part.text) return ["words", [h("span", { class: "thumb" }, icon("words")), h("span", { class: "name" }, part.text)]];
  if (part.item) return ["item", itemLabel(part.item, named)];
  const { modality, file, url } = uploadOf(part.upload);
  const name = h("span", { class: "name" }, file.name);
  if (modality === "audio") return ["audio", [playButton(url, file.name, "play small"), name]];
  return ["image", [h("span", { class: "thumb" }, h("img", { src: url, alt: "" })), name]];
}

/** A slider between two buttons; `moved` gets every weight it comes to. */
function weighing(weight, moved) {
  const slider = h("input", { type: "range", min: -MOST, max: MOST, step: STEP, value: weight, "data-control": "weight" });
  const said = h("output", { class: "said" });
  const show = () => {
    const value = Number(slider.value);
    said.textContent = weightSaid(value);
    slider.setAttribute("aria-valuetext", `${weightSaid(value)}, ${number(value)}`);
    slider.closest(".part")?.classList.toggle("against", value < 0);
    slider.closest(".part")?.classList.toggle("ignored", value === 0);
    slider.style.setProperty("--at", (value + MOST) / (2 * MOST));
  };
  const changed = () => {
    show();
    moved(Number(slider.value));
  };
  const step = (by, name, drawn) =>
    h(
      "button",
      {
        type: "button",
        class: "step",
        "data-control": name,
        onclick: () => {
          slider.value = Number(slider.value) + by;
          changed();
        },
      },
      icon(drawn),
    );
  const less = step(-STEP, "less", "minus");
  const more = step(STEP, "more", "plus");
  slider.addEventListener("input", changed);
  const call = (name) => {
    slider.setAttribute("aria-label", gettext("How much “{name}” counts", { name }));
    less.setAttribute("aria-label", gettext("“{name}” counts less", { name }));
    more.setAttribute("aria-label", gettext("“{name}” counts more", { name }));
  };
  return { box: h("span", { class: "weighing" }, less, slider, more, said), call, show };
}

function partRow(part, index, { remove, reweigh }) {
  const weight = weighing(part.weight ?? 1, (value) => reweigh(index, value));
  const close = h("button", { type: "button", class: "remove", "data-control": "remove", onclick: () => remove(index) }, icon("close"));
  const call = (name) => {
    weight.call(name);
    close.setAttribute("aria-label", gettext("Remove {name}", { name }));
  };
  const [kind, label] = partLabel(part, call);
  call(partName(part));
  const row = h("li", { class: `part ${kind}` }, h("span", { class: "what" }, label, close), weight.box);
  weight.show();
  return row;
}

/** Which control of which part has the focus, or null. */
function focusedPart() {
  const control = list.contains(document.activeElement) ? document.activeElement : null;
  return control?.dataset.control ? [[...list.children].indexOf(control.closest(".part")), control.dataset.control] : null;
}

/** Show the parts; whoever was moving a weight goes on with it. */
export function showParts(parts, actions) {
  const focused = focusedPart();
  list.hidden = parts.length === 0;
  list.replaceChildren(...parts.map((part, index) => partRow(part, index, actions)));
  if (!focused) return;
  const [at, control] = focused;
  const row = list.children[Math.min(at, list.children.length - 1)];
  (row?.querySelector(`[data-control="${control}"]`) ?? document.getElementById("q")).focus({ preventScroll: true });
}
