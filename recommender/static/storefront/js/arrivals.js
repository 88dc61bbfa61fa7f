// Pictures, sounds and items that arrive by hand: chosen, dropped, pasted, recorded, photographed.

import { canPhotograph, photograph } from "./camera.js";
import { icon } from "./dom.js";
import { gettext } from "./i18n.js";
import { DRAGGED_ITEM } from "./query.js";
import { canRecord, record } from "./recorder.js";

const drop = document.getElementById("drop");

function pickWith(buttonId, inputId, addFile) {
  const files = document.getElementById(inputId);
  document.getElementById(buttonId).addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    if (files.files[0]) addFile(files.files[0]);
    files.value = ""; // the same file can be chosen again
  });
}

function recordWith(button, addFile, say) {
  let recording = null;
  button.hidden = !canRecord();
  const looks = (on) => {
    button.setAttribute("aria-pressed", String(on));
    button.replaceChildren(icon(on ? "stop" : "mic"));
  };
  button.addEventListener("click", async () => {
    if (recording) {
      recording.stop();
      return;
    }
    try {
      recording = await record();
      looks(true);
      say(gettext("Listening… press again to search."));
      addFile(await recording.file);
    } catch (error) {
      say(gettext("The microphone cannot be used: {why}", { why: error.message }));
    } finally {
      recording = null;
      looks(false);
    }
  });
}

function photographWith(button, addFile, say) {
  button.hidden = !canPhotograph();
  button.addEventListener("click", async () => {
    try {
      const file = await photograph();
      if (file) addFile(file);
    } catch (error) {
      say(gettext("The camera cannot be used: {why}", { why: error.message }));
    }
  });
}

function dropAnywhere(addFile, addItem) {
  const wanted = (event) => ["Files", DRAGGED_ITEM].some((type) => event.dataTransfer.types.includes(type));
  let depth = 0;
  const hide = () => {
    depth = 0;
    drop.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!wanted(event)) return;
    depth += 1;
    drop.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!wanted(event)) return;
    depth -= 1;
    if (depth <= 0) hide();
  });
  addEventListener("dragover", (event) => wanted(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    hide();
    const id = event.dataTransfer.getData(DRAGGED_ITEM);
    if (id) addItem(id);
    else if (event.dataTransfer.files[0]) addFile(event.dataTransfer.files[0]);
  });
  addEventListener("dragend", hide);
}

function pasteAnywhere(addFile) {
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    addFile(file);
  });
}

/** Wire every way up, once. `say` tells what goes on. */
export function startArrivals({ addFile, addItem, say }) {
  pickWith("pick-image", "image-file", addFile);
  pickWith("pick-audio", "audio-file", addFile);
  recordWith(document.getElementById("record"), addFile, say);
  photographWith(document.getElementById("photograph"), addFile, say);
  dropAnywhere(addFile, addItem);
  pasteAnywhere(addFile);
}
