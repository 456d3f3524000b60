// Relative times and running durations, kept up to date once a second.
import { all, language } from "./dom.js";

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const precise = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const pad = (number) => String(number).padStart(2, "0");

function ago(date) {
  const seconds = (date - Date.now()) / 1000;
  if (Math.abs(seconds) < 2) return relative.format(0, "second");
  const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? units.at(-1);
  return relative.format(Math.round(seconds / size), unit);
}

function lasted(seconds) {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${pad(Math.floor(seconds % 60))}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${pad(minutes % 60)}m` : `${Math.floor(hours / 24)}d ${pad(hours % 24)}h`;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick(root = document) {
  for (const element of all("time[data-rel]", root)) {
    const date = new Date(element.dateTime);
    set(element, ago(date));
    if (!element.dataset.exact) {
      element.title = exact.format(date);
      element.dataset.exact = "";
    }
  }
  for (const element of all("time[data-clock]", root)) set(element, precise.format(new Date(element.dateTime)));
  for (const element of all("[data-since]", root)) set(element, lasted(Math.max(0, (Date.now() - new Date(element.dataset.since)) / 1000)));
  for (const element of all("[data-until]", root)) set(element, lasted(Math.max(0, (new Date(element.dataset.until) - Date.now()) / 1000)));
}

tick();
setInterval(() => document.hidden || tick(), 1000);
document.addEventListener("visibilitychange", () => document.hidden || tick());
document.addEventListener("htmx:load", (event) => tick(event.detail.elt));
