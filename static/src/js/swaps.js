// A refreshed fragment must not disturb: what has not changed stays, what was open stays open.
import { all, one } from "./dom.js";

let stood = []; // what the keyboard stood on, and what that was in

const written = new Map();
const openIds = new Set();
let cursor = null; // the row that the keys j and k have gone to

// What is pressed stays until the press has become a click, which would be lost with its button.
let pressed = null;
let isLate = false;

function release() {
  pressed = null;
  if (isLate) document.dispatchEvent(new CustomEvent("signalbox:resync"));
  isLate = false;
}

addEventListener("pointerdown", (event) => (pressed = event.target), true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(release), true);

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const isRefresh = detail.requestConfig?.triggeringEvent?.type === "live";
  if (!isRefresh || !pressed || !detail.elt.contains(pressed)) return;
  detail.shouldSwap = false;
  isLate = true;
});

document.addEventListener("htmx:beforeSwap", () => {
  openIds.clear();
  for (const details of all("details[open][id]")) openIds.add(details.id);
  cursor = one("[data-rows] > .cursor")?.dataset.row;
});

/** An element and all that it is in, from the inside out. */
export function standing(element) {
  const found = [];
  for (let at = element; at && at !== document.body; at = at.parentElement) found.push(at);
  return found;
}

/** Focus on what stands there now, else on what is nearest: a button that has done its work may be gone. */
export function goOn(places) {
  const [self, ...around] = places.map((each) => (each.isConnected ? each : each.id && document.getElementById(each.id)));
  const place = around.find(Boolean);
  const next = self || (place && one("button:not([disabled]), a[href], [tabindex='0']", place));
  next?.focus({ preventScroll: true });
}

document.addEventListener("htmx:beforeSwap", () => (stood = standing(document.activeElement)));
document.addEventListener("htmx:afterRequest", () => {
  if (stood.length && !stood[0].isConnected && document.activeElement === document.body) goOn(stood);
  stood = [];
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
  if (cursor && !one("[data-rows] > .cursor")) one(`[data-rows] > [data-row="${CSS.escape(cursor)}"]`)?.classList.add("cursor");
});
