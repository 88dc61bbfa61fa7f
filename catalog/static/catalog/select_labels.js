// select2 draws a box and a field of its own, which do not have the name of the field that they stand for
const named = (root) => {
  for (const select of root.querySelectorAll("select.select2-hidden-accessible")) {
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    const box = select.nextElementSibling;
    if (!label || !box) continue;
    for (const part of box.querySelectorAll(".select2-selection, .select2-search__field, [role=textbox]")) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", label.textContent.replace("*", "").trim());
    }
  }
};
// after those of select2, which jQuery may run once the page has loaded
window.addEventListener("load", () => window.django?.jQuery?.(() => named(document)));
document.addEventListener("formset:added", (event) => setTimeout(() => named(event.target)));
