// Repeatable rows of a form: a template is copied with the next number, a row can be taken away.
import { all, one, onClick } from "./dom.js";

onClick("[data-add-row]", (button) => {
  const field = button.closest(".rows-field");
  const next = Number(field.dataset.next);
  field.dataset.next = String(next + 1);
  const holder = document.createElement("template");
  holder.innerHTML = one("template", field).innerHTML.replaceAll("__n__", String(next));
  const row = holder.content.firstElementChild;
  button.before(row);
  one("input, select, textarea", row)?.focus();
});

onClick("[data-remove-row]", (button) => {
  const field = button.closest(".rows-field");
  button.closest(".row-item").remove();
  (all("[data-remove-row]", field).at(-1) ?? one("[data-add-row]", field)).focus();
});
