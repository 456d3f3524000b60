// On a phone one thing at a time: diagram, list or problems, and the properties as a sheet over them.
import { all, one, onClick } from "../dom.js";

const narrow = matchMedia("(max-width: 860px)");

export function views(root) {
  const sheet = one("#panel", root);
  let back = null;

  function show(name) {
    root.dataset.view = name;
    for (const tab of all("[data-view-tab]", root)) tab.setAttribute("aria-pressed", String(tab.dataset.viewTab === name));
  }

  onClick("[data-view-tab]", (tab) => show(tab.dataset.viewTab));
  onClick("[data-close-sheet]", () => closeSheet());
  onClick("[data-toggle]", (button) => {
    const part = button.dataset.toggle;
    const isShown = root.toggleAttribute(`data-no-${part}`);
    button.setAttribute("aria-expanded", String(!isShown));
  });

  function openSheet() {
    if (!narrow.matches || sheet.dataset.open !== undefined) return;
    back = document.activeElement;
    sheet.dataset.open = "";
    root.dataset.sheet = "";
  }

  function closeSheet() {
    if (sheet.dataset.open === undefined) return;
    delete sheet.dataset.open;
    delete root.dataset.sheet;
    back?.focus?.();
  }

  return { show, openSheet, closeSheet };
}
