// The form builder of an approval: a row for each field, added, taken away and moved by buttons.
import { all, one } from "../dom.js";
import { parsed } from "./exact.js";
import { nameFor, words } from "./form-fields.js";

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/; // what `output.data.` can be followed by
const PARTS = ["label", "name", "type", "options"];

export class FormBuilder {
  #element = "";

  constructor(root, { mayEdit, onChange }) {
    Object.assign(this, { root, mayEdit, onChange });
    root.addEventListener("change", ({ target }) => this.#named(target));
    root.addEventListener("click", ({ target }) => this.#pressed(target.closest("button[data-form-do]")));
  }

  /** Shows the fields of an element; what somebody is just typing into stays, unless it is another's. */
  show(fields, element) {
    const isSame = element === this.#element;
    const text = JSON.stringify(fields);
    if (isSame && (JSON.stringify(this.read()) === text || !this.isValid())) return;
    if (isSame && this.root.contains(document.activeElement) && document.activeElement.matches("input, select")) return;
    this.#element = element;
    for (const row of this.#rows()) row.remove();
    for (const field of fields) this.#add(field);
    this.#marked();
    this.isValid();
  }

  /** The fields that have a name. */
  read() {
    return this.#rows().map(readRow).filter((field) => field.name);
  }

  /** Marks what is wrong: a name twice, or one that no expression can use. */
  isValid() {
    const names = this.#rows().map((row) => part(row, "name"));
    const isGood = names.map(({ value }) => {
      const name = value.trim();
      return !name || (NAME.test(name) && names.filter((each) => each.value.trim() === name).length === 1);
    });
    names.forEach((input, at) => input.setAttribute("aria-invalid", String(!isGood[at])));
    const isAll = isGood.every(Boolean);
    one("[data-told]", this.root).hidden = isAll;
    return isAll;
  }

  #rows() {
    return all(".form-row", this.root);
  }

  #add(field = { name: "", label: "", type: "text", options: "", required: false, kept: {} }) {
    const row = one("template", this.root).content.firstElementChild.cloneNode(true);
    if (field.type === "other") part(row, "type").add(new Option(this.root.dataset.other, "other"));
    for (const name of PARTS) part(row, name).value = field[name];
    part(row, "required").checked = field.required;
    Object.assign(row.dataset, { type: field.type, kept: JSON.stringify(field.kept) });
    if (!this.mayEdit) for (const control of all("input, select, button", row)) control.disabled = true;
    one("[data-form-do=add]", this.root).before(row);
    return row;
  }

  /** A field without a name gets one from its label, when that has been typed to its end. */
  #named(target) {
    const row = target.closest(".form-row");
    if (!row) return;
    const name = part(row, "name");
    const label = part(row, "label").value.trim();
    if (target.dataset.part === "label" && label && !name.value.trim()) name.value = nameFor(label, this.read().map((field) => field.name));
    this.#marked();
  }

  #pressed(button) {
    if (!button) return;
    const row = button.closest(".form-row");
    const verb = button.dataset.formDo;
    if (verb === "add") return part(this.#add(), "label").focus();
    if (verb === "remove") this.#remove(row);
    else this.#move(row, button, verb === "up");
    this.#marked();
    this.onChange(this.root);
  }

  #remove(row) {
    const next = row.nextElementSibling.matches(".form-row") ? row.nextElementSibling : row.previousElementSibling;
    row.remove();
    (next?.matches(".form-row") ? one("[data-form-do=remove]", next) : one("[data-form-do=add]", this.root)).focus();
  }

  #move(row, button, isUp) {
    const other = isUp ? row.previousElementSibling : row.nextElementSibling;
    if (!other?.matches(".form-row")) return;
    if (isUp) other.before(row);
    else other.after(row);
    button.focus();
  }

  #marked() {
    for (const row of this.#rows()) {
      row.setAttribute("aria-label", part(row, "label").value || part(row, "name").value || this.root.dataset.unnamed);
      one("[data-options]", row).hidden = part(row, "type").value !== "choice";
    }
  }
}

const part = (row, name) => one(`[data-part=${name}]`, row);

const described = ({ description }) => (description === undefined ? {} : { description });

function readRow(row) {
  const field = Object.fromEntries(PARTS.map((name) => [name, part(row, name).value.trim()]));
  const { name, label, type, options } = field;
  const before = parsed(row.dataset.kept);
  const kept = type === row.dataset.type ? before : described(before); // a greatest number says nothing of a date
  return { name, label, type, options: type === "choice" ? words(options).join(", ") : "", required: part(row, "required").checked, kept };
}
