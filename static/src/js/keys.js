// j k Enter on rows, g + letter to a section, / to filter, t theme, ? help, Ctrl-K palette.
import { all, one } from "./dom.js";
import { switchTheme } from "./menus.js";
import { openPalette, showKeys } from "./palette.js";

const WAITS_FOR = 900;
let went = 0;

const rows = () => all("[data-rows] > [data-row]");

function move(step) {
  const found = rows();
  if (!found.length) return;
  const now = found.findIndex((row) => row.classList.contains("cursor"));
  const next = Math.max(0, Math.min(found.length - 1, now + step));
  found[now]?.classList.remove("cursor");
  found[next].classList.add("cursor");
  found[next].scrollIntoView({ block: "nearest" });
}

function go(key) {
  const link = one(`.side [data-go="${CSS.escape(key)}"]`);
  if (link) location.assign(link.href);
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  t: switchTheme,
  "?": showKeys,
  g: () => { went = Date.now(); },
  "/": () => one("[data-filter]")?.focus(),
};

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
  if (Date.now() - went < WAITS_FOR) {
    went = 0;
    return go(event.key);
  }
  if (event.key === "Enter" && event.target === document.body) return one("[data-row].cursor a")?.click();
  if (!Object.hasOwn(actions, event.key)) return;
  event.preventDefault();
  actions[event.key]();
});
