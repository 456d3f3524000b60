// The page's own small dialogs: each asks one thing and gives the answer as the form's values, or null.
import { one } from "../dom.js";

export function ask(selector, prepare = () => {}) {
  const dialog = one(selector);
  const form = one("form", dialog);
  form.reset();
  prepare(form, dialog);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const values = Object.fromEntries(new FormData(form));
      resolve(dialog.returnValue ? { ...values, answer: dialog.returnValue } : null);
    }, { once: true });
  });
}

/** Fills a select with [value, text] pairs. */
export function offer(select, pairs) {
  select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));
}
