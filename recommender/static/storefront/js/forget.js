// "Start over": says what is remembered of whoever looks, and ends it on request.

import { announce } from "./dom.js";
import { forgetEvents } from "./events.js";
import { language } from "./language.js";
import { forgetOpinions } from "./opinions.js";
import { recommendAnew } from "./recommended.js";
import { newVisitor, visitor } from "./visitor.js";
import { say } from "./words.js";

const dialog = document.getElementById("forget");

function write() {
  dialog.lang = language();
  for (const part of dialog.querySelectorAll("[data-say]")) part.textContent = say(part.dataset.say);
  dialog.querySelector("output").textContent = visitor();
}

function startOver() {
  forgetEvents();
  forgetOpinions();
  newVisitor();
  recommendAnew();
  announce(say("forgotten"));
}

/** Wire the control in the footer up, once. */
export function startForgetting() {
  document.getElementById("start-over").addEventListener("click", () => {
    write();
    dialog.showModal();
  });
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "forget") startOver();
    dialog.returnValue = "";
  });
}
