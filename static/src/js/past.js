// The time slider: the picture after any audit row. While it shows the past, what happens meanwhile
// does not move it; after the last row it is live.
import { one, onClick } from "./dom.js";

const root = one("#execution[data-moments]");
const range = one("#moment");
const play = one("#play");
const PACE = matchMedia("(prefers-reduced-motion: reduce)").matches ? 2000 : 800;
const SAME_STEP = 1000; // movements in quicker succession are one step in the browser's history
let wanted = null; // null: live
let isStale = false; // something else than the moment has changed, too
let noted = 0;
let timer = 0;

const shown = () => one("#x-moment").dataset;
const asked = () => Number(new URLSearchParams(location.search).get("at")) || null;

function go(seq) {
  const last = Number(range.max);
  wanted = seq === null || seq >= last ? null : Math.max(1, seq);
  range.value = wanted ?? last;
  root.dataset.at = wanted ?? "";
  steer();
  if (wanted === null) isStale = true;
  window.htmx.trigger(root, "moment");
}

function note() {
  const address = wanted === null ? location.pathname : `${location.pathname}?at=${wanted}`;
  if (address === location.pathname + location.search) return;
  history[Date.now() - noted < SAME_STEP ? "replaceState" : "pushState"](null, "", address);
  noted = Date.now();
}

function walk(seq) {
  go(seq);
  note();
}

/** The controls say where the slider stands. */
function steer() {
  const last = Number(range.max);
  const now = wanted ?? last;
  point("#step-back", Math.max(now - 1, 1), now === 1);
  point("#step-forward", Math.min(now + 1, last), now === last);
  one("#to-live").setAttribute("aria-disabled", wanted === null);
}

function point(selector, seq, isEnd) {
  const link = one(selector);
  link.href = `?at=${seq}`;
  link.setAttribute("aria-disabled", isEnd);
}

function arrived() {
  const { seq, last, said } = shown();
  range.max = last;
  if (wanted === null) range.value = last;
  if (Number(seq) === (wanted ?? Number(last))) range.setAttribute("aria-valuetext", said);
  steer();
  follow();
}

/** The step that the row is about is kept in view, sideways only: the page stays where it is. */
function follow() {
  const node = one("#x-diagram .node.here");
  if (!node) return;
  const box = node.closest(".diagram");
  const [place, frame] = [node.getBoundingClientRect(), box.getBoundingClientRect()];
  if (place.left < frame.left || place.right > frame.right) box.scrollLeft += (place.left + place.right - frame.left - frame.right) / 2;
}

/** A row chosen far down the page shows what it chose. */
function reveal() {
  const card = one(".diagram-card");
  const place = card.getBoundingClientRect();
  if (place.bottom < 120 || place.top > innerHeight - 120) card.scrollIntoView({ block: "start" });
}

function stop() {
  clearTimeout(timer);
  timer = 0;
  name(play.dataset.play);
  play.removeAttribute("data-playing");
}

function start() {
  play.dataset.playing = "";
  name(play.dataset.pause);
  walk(wanted === null ? 1 : wanted + 1);
  timer = setTimeout(onward, PACE);
}

function onward() {
  if (wanted === null) return stop();
  // A slow server sets the pace: no row is passed unseen.
  if (Number(shown().seq) === wanted) walk(wanted + 1);
  timer = setTimeout(onward, PACE);
}

function name(label) {
  play.setAttribute("aria-label", label);
  play.title = label;
}

function takeOver(link, event, seq) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (timer) stop();
  if (!link.matches("[aria-disabled=true]")) walk(seq());
}

function direct({ detail }) {
  if (detail.elt !== root) return;
  detail.moment = wanted;
  if (wanted !== null && isStale) detail.parameters.at = wanted;
  else if (wanted !== null) detail.path = root.dataset.moments.replace(/0\/$/, `${wanted}/`);
  isStale = false;
}

/** What was asked for live must not push the past away, and the other way round. */
function sift(event) {
  const { elt, requestConfig } = event.detail;
  if (elt === root && (requestConfig.moment === null) !== (wanted === null)) event.detail.shouldSwap = false;
}

if (root && range) {
  wanted = "past" in shown() ? Number(shown().seq) : null;
  root.dataset.at = wanted ?? "";
  follow();
  play.hidden = false;
  range.addEventListener("input", () => {
    if (timer) stop();
    go(Number(range.value));
  });
  range.addEventListener("change", note);
  range.form.addEventListener("submit", (event) => event.preventDefault());
  play.addEventListener("click", () => (timer ? stop() : start()));
  onClick("[data-step]", (link, event) => takeOver(link, event, () => Number(range.value) + Number(link.dataset.step)));
  onClick("a[data-at]", (link, event) => {
    takeOver(link, event, () => Number(link.dataset.at));
    if (event.defaultPrevented) reveal();
  });
  onClick("[data-to-live]", (link, event) => takeOver(link, event, () => null));
  addEventListener("popstate", () => {
    if (timer) stop();
    go(asked());
  });
  root.addEventListener("live", () => { isStale = true; });
  document.addEventListener("htmx:configRequest", direct);
  document.addEventListener("htmx:beforeSwap", sift);
  document.addEventListener("htmx:afterSwap", ({ target }) => target === root && arrived());
}
