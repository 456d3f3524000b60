// The properties of what is selected: fields of the page's own form, filled from the diagram and written to it.
import { all, one, onClick } from "../dom.js";
import { CONDITIONS, FIELDS } from "./fields.js";
import { FormBuilder } from "./forms.js";
import { kindOf } from "./model.js";

const WAITS = 500; // after a key, until what is typed goes into the diagram
const RETYPED = { agent: "bpmn:ServiceTask", human: "bpmn:UserTask", decision: "bpmn:BusinessRuleTask", call: "bpmn:CallActivity", pass: "bpmn:ScriptTask" };

export class Panel {
  #timers = new Map();
  #unfit = new Map(); // element and field → what is typed there and cannot be written

  constructor(model, root, { mayEdit, onPick, onTyping }) {
    Object.assign(this, { model, root, mayEdit, onPick, onTyping, element: null, problems: [] });
    this.form = one("form", root);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", ({ target }) => this.#typed(target));
    this.form.addEventListener("change", ({ target }) => this.#commit(target));
    this.builder = new FormBuilder(one("[data-form]", this.form), { mayEdit, onChange: (field) => this.#commit(field) });
    onClick("[data-panel-add]", (button) => this.#addRow(button));
    onClick("[data-panel-remove]", (button) => this.#removeRow(button));
    if (!mayEdit) for (const field of all("input, select, textarea, button", this.form)) field.disabled = true;
  }

  show(element) {
    this.flush();
    const isOther = element !== this.element;
    this.element = element;
    this.refresh({ isOther });
    if (isOther) this.root.dispatchEvent(new CustomEvent("panel:shown"));
  }

  /** What is typed and not yet in the diagram goes into it now. */
  flush() {
    for (const field of [...this.#timers.keys()]) this.#commit(field);
  }

  /** Whether something is typed that is not in the diagram yet. */
  get isTyping() {
    return this.#timers.size > 0 || this.#unfit.size > 0;
  }

  refresh({ isOther = false } = {}) {
    const { element, model } = this;
    if (!element) return;
    const kind = kindOf(element);
    for (const group of all("[data-for]", this.form)) group.hidden = !group.dataset.for.split(" ").includes(kind);
    for (const group of all("[data-when]", this.form)) group.hidden = !group.dataset.when.split(" ").every((name) => CONDITIONS[name](model, element));
    for (const field of all("[data-field]", this.form)) if (!hiddenFor(field) && (isOther || !isTypedIn(field))) this.#fill(field);
    this.#head(kind);
    this.tell(this.problems);
  }

  /** The problems of all elements: those of this one stand in its groups. */
  tell(problems) {
    this.problems = problems;
    if (!this.element) return;
    const id = kindOf(this.element) === "process" ? "" : this.element.id;
    const own = problems.filter((each) => each.element === id && each.severity !== "note");
    for (const place of all("[data-problems]", this.form)) {
      const fields = place.dataset.problems.split(" ");
      const told = own.filter((each) => fields.includes(each.field) || (fields.includes("*") && !this.#hasPlace(each.field)));
      place.replaceChildren(...told.map((each) => Object.assign(document.createElement("li"), { textContent: each.message })));
      place.hidden = !told.length;
    }
  }

  #hasPlace(field) {
    return all("[data-problems]", this.form).some((place) => !hiddenFor(place) && place.dataset.problems.split(" ").includes(field));
  }

  #head(kind) {
    const { texts } = this.root.dataset;
    const labels = (this.labels ??= JSON.parse(texts));
    one("[data-panel-kind]", this.root).textContent = labels[kind] ?? this.element.businessObject.$type.replace("bpmn:", "");
    one("[data-panel-id]", this.root).textContent = kind === "process" ? "" : this.element.id;
    const types = one("[data-retype]", this.form);
    if (types) types.value = RETYPED[kind] ? kind : "";
  }

  #fill(field) {
    if (this.#timers.has(field)) return;
    const unfit = this.#unfit.get(this.#place(field));
    const given = unfit ?? FIELDS[field.dataset.field].read(this.model, this.element);
    if (field.dataset.json !== undefined) valid(field, given);
    if (field.dataset.form !== undefined) return this.builder.show(given, this.element.id);
    if (field.dataset.rows !== undefined) return this.#fillRows(field, given);
    if (field.dataset.checks !== undefined) return fillChecks(field, given);
    if (field.type === "checkbox") field.checked = given === true;
    else if (field.value !== `${given}`) select(field, `${given}`);
  }

  #fillRows(field, pairs) {
    if (field.contains(document.activeElement) && document.activeElement.matches("input")) return;
    const now = JSON.stringify(readRows(field));
    if (now !== JSON.stringify(pairs)) {
      for (const row of all(".row-item", field)) row.remove();
      for (const pair of pairs) this.#row(field, pair);
    }
    hasEachOnce(field);
  }

  #row(field, pair = ["", ""]) {
    const row = one("template", field).content.firstElementChild.cloneNode(true);
    const inputs = all("input", row);
    pair.forEach((text, at) => (inputs[at].value = text));
    if (!this.mayEdit) for (const control of all("input, button", row)) control.disabled = true;
    one("[data-panel-add]", field).before(row);
    return row;
  }

  #addRow(button) {
    one("input", this.#row(button.closest("[data-rows]"))).focus();
  }

  #removeRow(button) {
    const field = button.closest("[data-rows]");
    button.closest(".row-item").remove();
    (all("[data-panel-remove]", field).at(-1) ?? one("[data-panel-add]", field)).focus();
    this.#commit(field);
  }

  #typed(target) {
    const field = target.closest("[data-field]");
    if (!field || target.matches("select, [type=checkbox]")) return;
    clearTimeout(this.#timers.get(field));
    this.#timers.set(field, setTimeout(() => this.#commit(field), WAITS));
    this.onTyping();
  }

  #commit(target) {
    if (target.matches("[data-retype]")) return this.#retype(target.value);
    const field = target.closest("[data-field]");
    if (!field || !this.element) return;
    clearTimeout(this.#timers.get(field));
    if (this.#timers.delete(field)) this.onTyping();
    if (hiddenFor(field)) return;
    const wanted = field.dataset.form === undefined ? read(field) : this.builder.read();
    if (!this.#isFit(field, wanted)) return;
    const binding = FIELDS[field.dataset.field];
    const before = binding.read(this.model, this.element);
    if (JSON.stringify(before) === JSON.stringify(wanted) || (typeof wanted !== "object" && `${before}` === `${wanted}`)) return;
    if (field.dataset.field === "name") this.model.service("modeling").updateProperties(this.element, { name: wanted || undefined });
    else this.model.change(this.element, binding.write(this.model, this.element, wanted));
  }

  /** What is no JSON yet, or has a name twice, is kept for when its element is looked at again. */
  #isFit(field, wanted) {
    const isGood = this.#says(field, wanted);
    if (isGood) this.#unfit.delete(this.#place(field));
    else this.#unfit.set(this.#place(field), wanted);
    this.onTyping();
    return isGood;
  }

  #says(field, wanted) {
    if (field.dataset.form !== undefined) return this.builder.isValid();
    return field.dataset.rows === undefined ? valid(field, wanted) : hasEachOnce(field);
  }

  #place(field) {
    return `${this.element.id} ${field.dataset.field}`;
  }

  #retype(kind) {
    if (!RETYPED[kind] || kindOf(this.element) === kind) return;
    const made = this.model.service("bpmnReplace").replaceElement(this.element, { type: RETYPED[kind] });
    this.onPick(made);
    one("[data-retype]", this.form)?.focus();
  }
}

/** What somebody writes stays as they write it: a space at the end is the beginning of the next word. */
const isTypedIn = (field) => field === document.activeElement && field.matches("input:not([type=checkbox]), textarea");

const hiddenFor = (field) => Boolean(field.closest("[data-for][hidden], [data-when][hidden]"));

function read(field) {
  if (field.dataset.rows !== undefined) return readRows(field).filter(([name]) => name.trim());
  if (field.dataset.checks !== undefined) return all("input:checked", field).map((box) => box.value);
  return field.type === "checkbox" ? field.checked : field.value.trim();
}

const readRows = (field) => all(".row-item", field).map((row) => all("input", row).map((input) => input.value));

function fillChecks(field, names) {
  for (const box of all("input[type=checkbox]", field)) box.checked = names.includes(box.value);
}

/** Whether no row has a name that another one has: those are marked. */
function hasEachOnce(field) {
  const names = all(".row-item", field).map((row) => one("input", row));
  const isGood = names.map(({ value }) => !value.trim() || names.filter((each) => each.value.trim() === value.trim()).length === 1);
  names.forEach((input, at) => input.setAttribute("aria-invalid", String(!isGood[at])));
  const told = one("[data-told]", field);
  told.hidden = isGood.every(Boolean);
  return told.hidden;
}

/** A choice that the list does not have is shown all the same: it is what the diagram says. */
function select(field, text) {
  if (field.matches("select") && text && ![...field.options].some((option) => option.value === text)) field.add(new Option(text, text));
  field.value = text;
}

/** JSON that is not JSON yet is not written; the field says so. */
function valid(field, text) {
  if (field.dataset.json === undefined) return true;
  let isGood = true;
  try {
    const parsed = text ? JSON.parse(text) : {};
    isGood = parsed !== null && typeof parsed === "object" && !Array.isArray(parsed);
  } catch {
    isGood = false;
  }
  field.setAttribute("aria-invalid", String(!isGood));
  const told = document.getElementById(field.getAttribute("aria-describedby"));
  if (told) told.hidden = isGood;
  return isGood;
}

