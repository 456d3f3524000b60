// What changed on the server is fetched again by whoever shows it: rows in one request, regions each.
import { all, one } from "./dom.js";

const wanted = new Set();
const newer = new Set();

const resting = new Map(); // element → whether something has changed since it was last fetched

function refresh(element) {
  if (resting.has(element)) return void resting.set(element, true);
  window.htmx?.trigger(element, "live");
  if (element?.dataset.pace) rest(element);
}

/** What costs the server more is fetched at most once in `data-pace` milliseconds, the last change included. */
function rest(element) {
  resting.set(element, false);
  setTimeout(() => {
    const isStale = resting.get(element);
    resting.delete(element);
    if (isStale) refresh(element);
  }, element.dataset.pace);
}

function changed({ executions = [], topics = [] }) {
  if (topics.includes("executions")) return everything(); // more of them than are named
  const list = one("[data-live-rows]");
  for (const id of executions) {
    for (const element of all(`[data-live-id="${id}"]`)) refresh(element);
    if (list) noteRow(list, id);
  }
  if (wanted.size) refresh(list);
  if (executions.length) topics = [...topics, "executions"];
  for (const topic of new Set(topics)) for (const element of all(`[data-live-topic~="${topic}"]`)) refresh(element);
}

function noteRow(list, id) {
  if (document.getElementById(`x-${id}`)) wanted.add(id);
  else if (list.dataset.newest && id > Number(list.dataset.newest)) announce(id);
}

function announce(id) {
  const button = one("#newer");
  if (!button) return;
  newer.add(id);
  button.hidden = false;
  one("span", button).textContent = newer.size > 99 ? "99+" : newer.size;
}

function everything() {
  for (const element of all("[data-live-id], [data-live-topic]")) refresh(element);
  const list = one("[data-live-rows]");
  if (!list) return;
  for (const row of all("[data-row]", list)) wanted.add(Number(row.dataset.row));
  if (wanted.size) refresh(list);
}

document.addEventListener("signalbox:changed", (event) => changed(event.detail));
document.addEventListener("signalbox:resync", everything);
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!detail.elt.matches("[data-live-rows]")) return;
  detail.parameters.ids = [...wanted].join(",");
  wanted.clear();
});
document.addEventListener("htmx:oobAfterSwap", ({ detail }) => {
  const row = detail.shouldSwap && document.getElementById(detail.target?.id ?? "");
  if (row && row.matches("tr[data-row]")) row.classList.add("changed");
});
