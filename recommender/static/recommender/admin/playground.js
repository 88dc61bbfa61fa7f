// Shows beside each slider what it stands at; without scripts the page says it after each search.
for (const slider of document.querySelectorAll(".triad-play input[type=range]")) {
  slider.addEventListener("input", () => {
    slider.nextElementSibling.value = slider.value;
  });
}
