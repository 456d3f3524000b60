// A refreshed fragment must not disturb: what has not changed stays, what was open stays open.
import { all, one } from "./dom.js";

const written = new Map();
const openIds = new Set();

document.addEventListener("htmx:beforeSwap", () => {
  openIds.clear();
  for (const details of all("details[open][id]")) openIds.add(details.id);
});

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const piece = fragment.firstElementChild;
  if (!target?.id || piece?.id !== target.id) return;
  if (written.get(target.id) === piece.outerHTML) event.detail.shouldSwap = false;
  else written.set(target.id, piece.outerHTML);
  if (target.classList.contains("cursor")) piece.classList.add("cursor");
  for (const id of openIds) one(`details#${CSS.escape(id)}`, fragment)?.setAttribute("open", "");
});

document.addEventListener("htmx:afterSwap", () => {
  for (const id of openIds) document.getElementById(id)?.setAttribute("open", "");
});
