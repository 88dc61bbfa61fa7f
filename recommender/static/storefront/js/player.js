// One sound at a time, whoever asked for it.

import { h, icon } from "./dom.js";
import { gettext } from "./i18n.js";

const LEAST_HEARD = 0.02; // of a sound; less is a slip of the finger
const audio = new Audio();
const listeners = new WeakMap(); // button → called with the share of its sound that was heard
let playing = null; // the button whose sound it is

function set(button, state) {
  button.dataset.state = state;
  const what = { what: button.dataset.label };
  button.setAttribute("aria-label", state === "playing" ? gettext("Pause {what}", what) : gettext("Play {what}", what));
  button.querySelector(".icon").replaceWith(icon(state === "playing" ? "pause" : "play"));
  if (state === "idle") button.style.setProperty("--progress", 0);
}

function tick() {
  if (!playing) return;
  const share = audio.duration > 0 ? audio.currentTime / audio.duration : 0;
  playing.style.setProperty("--progress", Math.min(1, share || 0));
  if (!audio.paused) requestAnimationFrame(tick);
}

/** Which part of the sound was heard since it was begun, from 0 to 1. */
function heard() {
  const { played } = audio;
  const seconds = Array.from({ length: played.length }, (_, n) => played.end(n) - played.start(n));
  return audio.duration > 0 ? Math.min(1, seconds.reduce((sum, each) => sum + each, 0) / audio.duration) : 0;
}

/** Silence, for example because another page is shown. */
export function stop() {
  audio.pause();
  if (playing) {
    const share = heard();
    if (share >= LEAST_HEARD) listeners.get(playing)?.(share);
    set(playing, "idle");
  }
  playing = null;
}

function fail(button) {
  if (playing !== button) return;
  stop();
  button.dataset.state = "failed";
  button.disabled = true;
  button.title = gettext("This browser cannot play the sound");
}

async function toggle(button, url) {
  if (playing === button && !audio.paused) {
    audio.pause();
    set(button, "paused");
    return;
  }
  if (playing !== button) {
    stop();
    playing = button;
    audio.src = url;
  }
  set(button, "playing");
  try {
    await audio.play();
    tick();
  } catch (error) {
    if (error.name !== "AbortError") fail(button);
  }
}

addEventListener("pagehide", stop);
audio.addEventListener("ended", stop);
audio.addEventListener("error", () => playing && fail(playing));

/**
 * A button that plays and pauses the sound at `url`; `label` completes "Play …". `onHeard` is told which
 * share of it was heard, once it is over.
 */
export function playButton(url, label, className = "play", onHeard = null) {
  const button = h("button", { type: "button", class: className, "data-label": label });
  if (onHeard) listeners.set(button, onHeard);
  button.append(icon("play"));
  set(button, "idle");
  button.addEventListener("click", (event) => {
    event.preventDefault();
    toggle(button, url);
  });
  return button;
}
