// One dialog for every question: a fragment swapped into it opens it, an answer closes it.
import { one, onClick } from "./dom.js";
import { isUntold } from "./toasts.js";

const dialog = one("#dialog");
let opener = null;

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target === dialog && !dialog.open) opener = detail.elt; // not the form inside it
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
  const back = opener?.isConnected ? opener : opener?.id && document.getElementById(opener.id);
  if (back) back.focus();
});

onClick("[data-close]", (button) => button.closest("dialog").close());
onClick("dialog", (element, event) => event.target === element && element.close());
