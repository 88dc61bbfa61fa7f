// Your data: what is remembered of whoever uses this browser, to see, take along and erase.

import { item as fetchItem, post, summaryOf } from "./api.js";
import { announce, h } from "./dom.js";
import { forgetEvents } from "./events.js";
import { gettext, ngettext } from "./i18n.js";
import { followAddress, onLanguageChange } from "./language.js";
import { forgetOpinions } from "./opinions.js";
import { newVisitor, visitor } from "./visitor.js";

const LATEST = 20;
const page = document.getElementById("view");
const HOME = document.documentElement.dataset.home;
const element = (id) => document.getElementById(id);
let known = null; // the export as it came, or null while nothing is remembered

const when = (moment) => new Date(moment).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

/** What was done, in words; types that a shop adds are shown as they are called. */
function deed(type) {
  const words = {
    view: gettext("looked at"),
    click: gettext("opened"),
    like: gettext("liked"),
    dislike: gettext("not for you"),
    withdraw: gettext("took an opinion back"),
    play: gettext("listened to"),
    cart: gettext("put into the basket"),
    purchase: gettext("bought"),
  };
  return words[type] ?? type;
}

function count(number, words) {
  return h("p", {}, h("strong", {}, number.toLocaleString(document.documentElement.lang)), ` ${words}`);
}

function row(event) {
  const link = event.item ? h("a", { href: `${HOME}items/${encodeURIComponent(event.item).replaceAll("%3A", ":")}/` }, event.item) : "";
  if (event.item) {
    fetchItem(event.item).then((item) => {
      const { title, language } = summaryOf(item);
      link.textContent = title;
      link.lang = language;
    }, () => {}); // gone since: its identifier stays
  }
  return h("tr", {}, h("td", {}, when(event.occurred_at)), h("td", {}, deed(event.type)), h("td", {}, link));
}

function show() {
  const { events = [], impressions = [], profiles = [], ...others } = known ?? {};
  element("name").textContent = visitor();
  element("since").textContent = known ? when(others.first_seen) : "–";
  element("nothing").hidden = Boolean(known);
  element("counts").replaceChildren(
    ...(known
      ? [
          count(events.length, ngettext("thing you did", "things you did", events.length)),
          count(impressions.length, ngettext("list shown to you", "lists shown to you", impressions.length)),
          count(profiles.length, ngettext("interest learned", "interests learned", profiles.length)),
        ]
      : []),
  );
  element("latest").hidden = events.length === 0;
  element("latest").querySelector("tbody").replaceChildren(...events.slice(-LATEST).reverse().map(row));
  element("export").hidden = !known;
  element("yours").hidden = false;
}

async function load() {
  try {
    const answer = await post(page.dataset.export, { visitor: visitor() });
    known = answer.visitor ? answer : null;
  } catch (problem) {
    element("said").textContent = problem.detail;
  }
  show();
}

/** Hand the export over as a file. */
function download() {
  const url = URL.createObjectURL(new Blob([JSON.stringify(known, null, 2)], { type: "application/json" }));
  h("a", { href: url, download: "triad-your-data.json" }).click();
  URL.revokeObjectURL(url);
}

async function forget() {
  const button = element("forget");
  button.disabled = true;
  try {
    await post(page.dataset.forget, { visitor: visitor() });
    forgetEvents();
    forgetOpinions();
    newVisitor();
    known = null;
    show();
    element("said").textContent = gettext("Done: everything is erased, and you are somebody new.");
    announce(element("said").textContent);
  } catch (problem) {
    element("said").textContent = problem.detail;
  }
  button.disabled = false;
}

element("export").addEventListener("click", download);
element("forget").addEventListener("click", () => element("sure").showModal());
element("sure").addEventListener("close", () => {
  if (element("sure").returnValue === "forget") forget();
  element("sure").returnValue = "";
});
followAddress();
onLanguageChange((chosen) => {
  const address = new URL(location.href);
  address.searchParams.set("lang", chosen);
  location.assign(address);
});
load();
