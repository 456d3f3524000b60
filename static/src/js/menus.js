import { all, one, onClick } from "./dom.js";

const themes = ["system", "light", "dark"];
const root = document.documentElement;

export function switchTheme() {
  const now = root.dataset.theme ?? "system";
  const next = themes[(themes.indexOf(now) + 1) % themes.length];
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch { /* no storage: until the page is left */ }
  nameTheme();
}

function nameTheme() {
  for (const label of all("[data-theme-name]")) label.textContent = `: ${label.dataset[root.dataset.theme ?? "system"]}`;
}

onClick("[data-theme-toggle]", switchTheme);
onClick("[data-menu]", () => {
  const open = document.body.classList.toggle("menu-open");
  if (open) one(".side nav a")?.focus();
  else one(".menu")?.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("menu-open")) one(".menu").click();
});
nameTheme();
