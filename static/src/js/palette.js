// Ctrl-K: pages at hand at once, workflows and executions from the server while typing.
import { all, one, onClick } from "./dom.js";
import { switchTheme } from "./menus.js";

const dialog = one("#palette");
const input = dialog && one("input", dialog);
let current = 0;
let asked = 0;

const options = () => all("[role=option]", dialog).filter((option) => !option.hidden);

export function openPalette() {
  if (!dialog || dialog.open) return;
  input.value = "";
  find();
  dialog.showModal();
  input.focus();
}

export function showKeys() {
  one("#keys")?.showModal();
}

function find() {
  const words = input.value.trim().toLowerCase();
  for (const option of all("[role=option]:not([data-found])", dialog)) option.hidden = !option.textContent.toLowerCase().includes(words);
  ask(words);
  mark(0);
}

async function ask(words) {
  const number = ++asked;
  if (!words) return show("");
  const answer = await fetch(`${dialog.dataset.search}?q=${encodeURIComponent(words)}`, { headers: { "HX-Request": "true" } });
  if (number === asked && answer.ok) show(await answer.text());
}

/** What somebody has gone to stays chosen, wherever the new results put it. */
function show(html) {
  const chosen = current > 0 ? options()[current]?.id : null;
  for (const old of all("[data-found]", dialog)) old.remove();
  one(".found", dialog).insertAdjacentHTML("beforebegin", html);
  const now = chosen ? options().findIndex((option) => option.id === chosen) : -1;
  mark(now < 0 ? current : now);
}

function mark(index) {
  const shown = options();
  current = Math.max(0, Math.min(index, shown.length - 1));
  for (const option of all("[role=option]", dialog)) option.setAttribute("aria-selected", String(option === shown[current]));
  input.setAttribute("aria-activedescendant", shown[current]?.id ?? "");
  shown[current]?.scrollIntoView({ block: "nearest" });
  one(".none", dialog).hidden = shown.length > 0;
}

function choose(option) {
  if (!option) return;
  dialog.close();
  if (option.dataset.do === "theme") switchTheme();
  else if (option.dataset.do === "keys") showKeys();
  else location.assign(option.dataset.href);
}

function move(event) {
  if (event.key === "ArrowDown") mark(current + 1);
  else if (event.key === "ArrowUp") mark(current - 1);
  else if (event.key === "Enter") choose(options()[current]);
  else return;
  event.preventDefault();
}

if (dialog) {
  input.addEventListener("input", find);
  dialog.addEventListener("keydown", move);
  onClick("#palette [role=option]", choose);
  onClick("[data-palette]", openPalette);
  onClick("[data-keys]", showKeys);
}
