// What is wrong with the draft, as the server says it: a list, and a mark on each element that it is about.
import { icon } from "../bpmn-canvas.js";
import { nameOf } from "./model.js";

export class Problems {
  #marked = new Map(); // id → overlay

  constructor(model, root, { onPick }) {
    Object.assign(this, { model, root, onPick, all: [] });
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-element]");
      if (button) onPick(button.dataset.element);
    });
  }

  /** problems: [{ element, field, message, severity }]; only "note" does not keep it from being published. */
  show(problems) {
    this.all = problems;
    this.root.replaceChildren(...problems.map((each) => this.#line(each)));
    this.#mark();
  }

  get blocking() {
    return this.all.filter((each) => each.severity !== "note").length;
  }

  /** The worst that is said of each element, by id: "problem" or "note". */
  worst() {
    const worst = new Map();
    for (const { element, severity } of this.all) if (element && worst.get(element) !== "problem") worst.set(element, severity ?? "problem");
    return worst;
  }

  #line({ element, message, severity }) {
    const known = element && this.model.element(element);
    const line = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "problem";
    button.dataset.severity = severity ?? "problem";
    button.dataset.element = known ? element : "";
    const text = document.createElement("span");
    if (element) text.append(Object.assign(document.createElement("strong"), { textContent: known ? nameOf(known) : element }), " ");
    text.append(message);
    button.append(icon(severity === "note" ? "info" : "triangle-alert"), text);
    line.append(button);
    return line;
  }

  #mark() {
    const worst = this.worst();
    for (const [id, [severity, overlay]] of this.#marked) if (worst.get(id) !== severity || !this.model.element(id)) this.#unmark(id, severity, overlay);
    const [canvas, overlays] = [this.model.service("canvas"), this.model.service("overlays")];
    for (const [id, severity] of worst) {
      if (this.#marked.has(id) || !this.model.element(id)) continue;
      canvas.addMarker(id, `has-${severity}`);
      const sign = document.createElement("span");
      sign.className = "bpmn-problem";
      sign.dataset.severity = severity;
      sign.append(icon(severity === "note" ? "info" : "triangle-alert"));
      this.#marked.set(id, [severity, overlays.add(id, { html: sign, position: { top: -9, left: -9 } })]);
    }
  }

  #unmark(id, severity, overlay) {
    if (this.model.element(id)) this.model.service("canvas").removeMarker(id, `has-${severity}`);
    this.model.service("overlays").remove(overlay);
    this.#marked.delete(id);
  }
}
