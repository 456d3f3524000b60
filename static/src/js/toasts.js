import { all, one, onClick } from "./dom.js";

const box = one("#toasts");
const SHOWN_FOR = 6000;

function arrange() {
  const toasts = all(".toast", box);
  if (box.matches(":popover-open")) box.hidePopover();
  if (toasts.length) box.showPopover();
  for (const toast of toasts) {
    if (toast.dataset.seen) continue;
    toast.dataset.seen = "1";
    if (toast.dataset.level !== "error") setTimeout(() => dismiss(toast), SHOWN_FOR);
  }
}

function dismiss(toast) {
  toast.remove();
  if (!one(".toast", box)) box.hidePopover();
}

export function say(text, level = "error") {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.dataset.level = level;
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  box.append(toast);
  setTimeout(() => dismiss(toast), SHOWN_FOR);
  arrange();
}

if (box) {
  new MutationObserver((records) => records.some((record) => record.addedNodes.length) && arrange()).observe(box, { childList: true });
  onClick("[data-dismiss]", (button) => dismiss(button.closest(".toast")));
  document.addEventListener("htmx:responseError", ({ detail }) => detail.xhr.status >= 500 && say(box.dataset.failed));
  document.addEventListener("htmx:sendError", () => say(box.dataset.offline));
  arrange();
}
