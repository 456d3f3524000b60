// A step chosen in the diagram is the one chosen in the list of tasks, and the other way round. One step
// of the diagram is in the page's tab order; arrow keys go on along the flows, Enter opens its task.
import { all, one } from "./dom.js";

export class Picking {
  #elements = []; // in reading order
  #tasks = new Map(); // element id → id of its task
  #places = new Map(); // and back
  #current = null;
  #chosen = null; // id of a task

  constructor(canvas, container) {
    this.canvas = canvas;
    this.registry = canvas.service("elementRegistry");
    this.#elements = this.registry.filter(isStep).sort((a, b) => a.x - b.x || a.y - b.y);
    for (const element of this.#elements) this.#prepare(element);
    this.#rove(this.#elements[0]);
    container.addEventListener("keydown", (event) => this.#key(event));
    container.addEventListener("focusin", (event) => this.#focused(event));
    canvas.onPick((id) => this.#picked(id));
    document.addEventListener("focusin", ({ target }) => this.#listed(target.closest?.("#x-tasks li")));
    document.addEventListener("click", ({ target }) => this.#listed(target.closest?.("#x-tasks li")));
    document.addEventListener("htmx:afterSwap", () => this.#highlight());
    addEventListener("hashchange", () => this.#listed(target()));
  }

  /** Which tasks there are, by the elements that they belong to. */
  know(nodes) {
    const isFirst = !this.#tasks.size;
    for (const [id, node] of Object.entries(nodes)) {
      if (!node.task) continue;
      this.#tasks.set(id, node.task);
      this.#places.set(node.task, id);
      this.registry.getGraphics(id)?.classList.add("has-task");
    }
    if (isFirst) this.#listed(target());
  }

  #prepare(element) {
    const graphics = this.registry.getGraphics(element);
    graphics.setAttribute("role", "img");
    graphics.setAttribute("tabindex", "-1");
    if (!graphics.hasAttribute("aria-label")) graphics.setAttribute("aria-label", element.businessObject.name || kind(element));
  }

  #rove(element) {
    if (!element || element === this.#current) return;
    if (this.#current) this.registry.getGraphics(this.#current).setAttribute("tabindex", "-1");
    this.#current = element;
    this.registry.getGraphics(element).setAttribute("tabindex", "0");
  }

  #focused({ target }) {
    const element = this.#stepAt(target);
    if (!element || !target.matches(":focus-visible")) return;
    this.#rove(element);
    this.canvas.select(element.id);
    this.canvas.reveal(element.id);
    this.#choose(this.#tasks.get(element.id));
  }

  #key(event) {
    const element = this.#stepAt(event.target);
    if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.#open(element);
    else if (event.key === "Escape") this.#picked(null);
    else if (!this.#go(element, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #go(element, key) {
    const next = {
      ArrowRight: () => ends(element.outgoing, "target")[0],
      ArrowLeft: () => ends(element.incoming, "source")[0],
      ArrowDown: () => this.#nearest(element, 1),
      ArrowUp: () => this.#nearest(element, -1),
      Home: () => this.#elements[0],
      End: () => this.#elements.at(-1),
    }[key];
    if (!next) return false;
    const found = next();
    if (found && isStep(found)) this.registry.getGraphics(found).focus();
    return true;
  }

  /** The nearest step whose middle lies above or below. */
  #nearest(from, direction) {
    const [x, y] = middle(from);
    const away = (element) => {
      const [left, top] = middle(element);
      return (top - y) * direction > 8 ? Math.abs(left - x) * 2 + Math.abs(top - y) : Infinity;
    };
    const best = this.#elements.reduce((a, b) => (away(b) < away(a) ? b : a));
    return away(best) < Infinity ? best : null;
  }

  #open(element) {
    const row = this.#row(this.#tasks.get(element.id));
    if (!row) return;
    this.#show(element.id);
    one("summary", row).focus();
  }

  #picked(id) {
    if (id) this.#rove(this.#elements.find((element) => element.id === id));
    this.#show(id && this.#tasks.has(id) ? id : null);
    this.canvas.select(id);
  }

  /** In the list, opened and in view. */
  #show(id) {
    const row = this.#choose(id && this.#tasks.get(id));
    if (!row) return;
    one("details", row).open = true;
    row.scrollIntoView({ block: "nearest" });
  }

  /** In the diagram, for a row of the list. */
  #listed(row) {
    if (!row) return;
    const task = Number(row.id.replace("task-", ""));
    if (task === this.#chosen) return;
    this.#choose(task);
    const id = this.#places.get(task) ?? row.dataset.key;
    this.canvas.select(this.registry.get(id) ? id : null);
    this.canvas.reveal(id);
  }

  #choose(task) {
    this.#chosen = task || null;
    return this.#highlight();
  }

  #highlight() {
    const chosen = this.#row(this.#chosen);
    for (const row of all("#x-tasks li[aria-current]")) if (row !== chosen) row.removeAttribute("aria-current");
    chosen?.setAttribute("aria-current", "true");
    return chosen;
  }

  #row(task) {
    return task ? document.getElementById(`task-${task}`) : null;
  }

  #stepAt(node) {
    const id = node.closest?.(".djs-element")?.dataset.elementId;
    return id ? this.#elements.find((element) => element.id === id) : null;
  }
}

const isStep = (element) => !element.labelTarget && Boolean(element.businessObject?.$instanceOf?.("bpmn:FlowNode"));
const kind = (element) => element.type.replace("bpmn:", "").replace(/([a-z])([A-Z])/g, "$1 $2");
const middle = ({ x, y, width, height }) => [x + width / 2, y + height / 2];
const ends = (flows, end) => (flows ?? []).filter(({ type }) => type === "bpmn:SequenceFlow").map((flow) => flow[end]);
const target = () => (location.hash.startsWith("#task-") ? document.getElementById(location.hash.slice(1)) : null);
