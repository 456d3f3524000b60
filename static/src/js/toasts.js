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
  const dialog = one("#dialog:modal");
  if (dialog) return sayWithin(dialog, text); // all else is beyond reach
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.dataset.level = level;
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  box.append(toast);
  setTimeout(() => dismiss(toast), SHOWN_FOR);
  arrange();
}

function sayWithin(dialog, text) {
  one(".said", dialog)?.remove();
  const note = Object.assign(document.createElement("p"), { className: "notice said", textContent: text, role: "alert" });
  note.dataset.state = "failed";
  const title = one("h2", dialog);
  if (title) title.after(note);
  else dialog.prepend(note);
}

const isPage = (text) => /^\s*<!doctype/i.test(text);

/** Whether an error is not told by a toast of the server's, and may be over when the same is sent again. */
export const isUntold = ({ xhr }) => xhr.status === 401 || xhr.status >= 500 || isPage(xhr.responseText);

/** What a page that tells of an error says: as a page it has no place in another one. */
function said(html) {
  if (!isPage(html)) return html;
  const page = new DOMParser().parseFromString(html, "text/html");
  const told = all("h1, .lead", page).map(({ textContent }) => textContent.trim());
  return told.join(" · ") || box.dataset.failed;
}

if (box) {
  new MutationObserver((records) => records.some((record) => record.addedNodes.length) && arrange()).observe(box, { childList: true });
  onClick("[data-dismiss]", (button) => dismiss(button.closest(".toast")));
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.isError || !isUntold(detail)) return;
    detail.shouldSwap = false;
    if (detail.xhr.status < 500) say(said(detail.serverResponse));
  });
  document.addEventListener("htmx:responseError", ({ detail }) => detail.xhr.status >= 500 && say(box.dataset.failed));
  document.addEventListener("htmx:sendError", () => say(box.dataset.offline));
  arrange();
}
