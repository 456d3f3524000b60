// One EventSource per browser: the tab that holds the lock listens and tells the other tabs.
import { one } from "./dom.js";

const url = document.body.dataset.live;
const status = one("#live");
const FIRST_RETRY = 1000;
const LONGEST_RETRY = 20000;
const REMEMBERED = 5000;
let channel = null;
let last = "";
let isLeader = false;
let isOut = false; // nobody is logged in: asked again when somebody may be
let retry = FIRST_RETRY;
const me = Math.random().toString(36).slice(2);
let recent = []; // what the leader has just told, for tabs that open meanwhile

function show(state) {
  status.dataset.status = state;
  const label = status.lastElementChild;
  label.textContent = label.dataset[state] ?? label.textContent;
}

function deliver(message) {
  if (message.to && message.to !== me) return;
  if (message.hello) return isLeader && welcome(message.hello);
  if (message.last) last = message.last;
  if (message.status) return show(message.status);
  if (message.type) document.dispatchEvent(new CustomEvent(`signalbox:${message.type}`, { detail: message.data ?? {} }));
}

function tell(message) {
  recent = [...recent.filter((one) => Date.now() - one.at < REMEMBERED), { at: Date.now(), message }];
  channel?.postMessage(message);
  deliver(message);
}

function welcome(tab) {
  channel.postMessage({ to: tab, status: status.dataset.status });
  comeBack(); // a tab that has just opened has been let in
  for (const { at, message } of recent) if (message.type && Date.now() - at < REMEMBERED) channel.postMessage({ ...message, to: tab });
}

function address() {
  const wanted = last ? { last } : { since: document.body.dataset.received };
  return `${url}?${new URLSearchParams(wanted)}`;
}

function listen() {
  const source = new EventSource(address());
  source.onopen = () => {
    retry = FIRST_RETRY;
    tell({ status: "on" });
  };
  source.onerror = () => {
    tell({ status: "off" });
    if (source.readyState === EventSource.CLOSED) setTimeout(again, retry);
  };
  source.addEventListener("mark", (event) => tell({ last: event.lastEventId }));
  source.addEventListener("changed", (event) => tell({ type: "changed", data: JSON.parse(event.data), last: event.lastEventId }));
  source.addEventListener("resync", (event) => tell({ type: "resync", last: event.lastEventId }));
  addEventListener("pagehide", () => source.close(), { once: true });
}

async function again() {
  retry = Math.min(retry * 2, LONGEST_RETRY);
  const answer = await fetch(`${url}?check=1`).catch(() => null);
  isOut = answer?.status === 401 || answer?.status === 403;
  if (isOut) return tell({ status: "out" });
  listen();
}

function comeBack() {
  if (!isOut) return;
  isOut = false;
  again();
}

function lead() {
  isLeader = true;
  listen();
  return new Promise(() => {}); // the lock is held until the tab goes away
}

function begin() {
  channel = new BroadcastChannel("signalbox-live");
  channel.onmessage = (event) => deliver(event.data);
  if (navigator.locks) navigator.locks.request("signalbox-live", lead);
  else lead(); // locks need https or localhost
  channel.postMessage({ hello: me });
  // The page took so long that the leader may have forgotten what it told meanwhile.
  if (performance.now() > REMEMBERED) deliver({ type: "resync" });
  document.addEventListener("visibilitychange", () => document.hidden || comeBack());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

// Not before: until then nothing in the page listens, and what is told would be lost. htmx waits for
// the same event, and stands before this script.
if (url && status) document.addEventListener("DOMContentLoaded", begin, { once: true });
