// What an item's kin are alike in: everything, or only words, looks or sound.

import { h } from "./dom.js";
import { gettext } from "./i18n.js";
import { addressOf, amend } from "./navigation.js";
import { MODALITIES } from "./query.js";

const names = () => ({ text: gettext("Words"), image: gettext("Looks"), audio: gettext("Sound") });

/** How this place weighs modalities: one's name, "all", or "" for a mixture. */
function chosenIn({ modalities }) {
  const [first, ...others] = Object.keys(modalities ?? {});
  return others.length ? "" : (first ?? "all");
}

/**
 * Links to the same place by everything and by each modality that `item` has; a plain click changes the
 * place where it is, and `changed` shows it. Nothing if the item has but one.
 */
export function kinToggles(route, item, changed) {
  const has = (name) => name === "text" || item.media.some((medium) => medium.modality === name && medium.status !== "failed");
  const offered = MODALITIES.filter(has);
  if (offered.length < 2) return "";
  const links = new Map();
  const mark = () => links.forEach((each, kind) => (kind === chosenIn(route) ? each.setAttribute("aria-current", "true") : each.removeAttribute("aria-current")));
  const link = (kind, name, modalities) => {
    const choose = (event) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      amend({ modalities });
      mark();
      changed();
    };
    links.set(kind, h("a", { href: addressOf({ ...route, modalities }), class: kind, onclick: choose }, name));
  };
  link("all", gettext("Everything"), null);
  for (const name of offered) link(name, names()[name], { [name]: 1 });
  mark();
  return h("nav", { class: "toggles", "aria-label": gettext("Alike in") }, [...links.values()]);
}
