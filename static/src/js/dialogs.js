// One dialog for every question: a fragment swapped into it opens it, an answer closes it.
import { one, onClick } from "./dom.js";
import { goOn, standing } from "./swaps.js";
import { isUntold } from "./toasts.js";

const dialog = one("#dialog");
let opener = []; // what has opened it, and where that stands

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target === dialog && !dialog.open) opener = standing(detail.elt); // not the form inside it
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target === dialog && dialog.firstElementChild && !dialog.open) dialog.showModal();
});
document.addEventListener("dialog-done", () => dialog.close());
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (dialog?.contains(detail.elt) && detail.xhr.status !== 422 && !isUntold(detail)) dialog.close();
});
dialog?.addEventListener("close", () => {
  dialog.replaceChildren();
  if (opener.length) goOn(opener);
});

onClick("[data-close]", (button) => button.closest("dialog").close());
onClick("dialog", (element, event) => event.target === element && element.close());
