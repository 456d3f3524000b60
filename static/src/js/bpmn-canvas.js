// A BPMN diagram to look at: states, counts and the path taken are laid over it.
//
//   const canvas = new BpmnCanvas(element, { label: "Order processing" });
//   await canvas.load(xml);                       // warnings; rejects when there is nothing to draw
//   canvas.mark("charge", "running");             // a state of tokens.css, or null
//   canvas.badge("charge", 3, "3 tokens");        // a count at the shape's corner; 0 or null takes it away
//   canvas.paths({ flow_1: "taken" });            // taken | active | skipped; what is not named is cleared
//   canvas.paint({ states, counts, flows });      // all of that at once; only differences touch the page
//   canvas.onPick((id, element) => {});           // a click, or Enter, on an element; id null: beside them
//   canvas.select(id); canvas.reveal(id);         // outline; scroll into view
//   canvas.zoom("in" | "out" | "fit");
//
// Ids are those of the BPMN elements. Ids that the diagram does not have are passed over.
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer";
import { fontsReady, LOOK } from "./bpmn-look.js";

const ICONS = {
  pending: "circle-dashed",
  running: "loader-circle",
  paused: "circle-pause",
  completed: "circle-check",
  failed: "circle-x",
  cancelled: "circle-slash",
  in_doubt: "circle-question-mark",
};
const USES = ["taken", "active", "skipped"];
const SVG = "http://www.w3.org/2000/svg";
const LARGEST_FIT = 1; // a diagram of two steps is not blown up
const MARGIN = 28; // pixels
export const READABLE = 0.7; // a longer diagram is not shrunk further when it is opened
const STEP = 1.2;
const SMALL = 60; // events and gateways

export class BpmnCanvas {
  #viewer;
  #marks = new Map(); // id → [state, overlay]
  #badges = new Map(); // id → [text, overlay]
  #uses = new Map(); // flow id → use
  #picked = [];

  constructor(container, { label = "", modules = [] } = {}) {
    this.container = container;
    holdWheel(container);
    this.#viewer = new NavigatedViewer({ container, ...LOOK, additionalModules: modules });
    this.#viewer.on("element.click", ({ element }) => this.#pick(element));
    describe(container, label);
  }

  /** The bpmn-js service with this name, for what this class does not do. */
  service(name) {
    return this.#viewer.get(name);
  }

  async load(xml) {
    await fontsReady();
    for (const known of [this.#marks, this.#badges, this.#uses]) known.clear();
    const { warnings } = await this.#viewer.importXML(xml);
    fit(this.service("canvas"), { least: READABLE });
    return warnings;
  }

  mark(id, state) {
    const [before, overlay] = this.#marks.get(id) ?? [null];
    if (before === state || !this.#has(id)) return;
    const canvas = this.service("canvas");
    if (before) canvas.removeMarker(id, `is-${before}`);
    if (overlay) this.service("overlays").remove(overlay);
    this.#marks.delete(id);
    if (!state) return;
    canvas.addMarker(id, `is-${state}`);
    this.#marks.set(id, [state, this.#lay(id, stateIcon(state), { top: -10, right: 10 })]);
  }

  badge(id, count, title = "") {
    const text = count ? `${count}` : "";
    const [before, overlay] = this.#badges.get(id) ?? [""];
    if (before === text || !this.#has(id)) return;
    if (overlay) this.service("overlays").remove(overlay);
    this.#badges.delete(id);
    if (text) this.#badges.set(id, [text, this.#lay(id, counter(text, title), this.#corner(id))]);
  }

  paths(uses) {
    const canvas = this.service("canvas");
    for (const [id, use] of this.#uses) {
      if (uses[id] === use) continue;
      canvas.removeMarker(id, `is-${use}`);
      this.#uses.delete(id);
    }
    for (const [id, use] of Object.entries(uses)) {
      if (this.#uses.has(id) || !USES.includes(use) || !this.#has(id)) continue;
      canvas.addMarker(id, `is-${use}`);
      this.#uses.set(id, use);
    }
  }

  paint({ states = {}, counts = {}, flows = {} }) {
    for (const id of this.#marks.keys()) if (!states[id]) this.mark(id, null);
    for (const [id, state] of Object.entries(states)) this.mark(id, state);
    for (const id of this.#badges.keys()) if (!counts[id]) this.badge(id, 0);
    for (const [id, count] of Object.entries(counts)) this.badge(id, count);
    this.paths(flows);
  }

  onPick(handler) {
    this.#picked.push(handler);
  }

  select(id) {
    const element = id && this.service("elementRegistry").get(id);
    this.service("selection").select(element ? [element] : []);
  }

  reveal(id) {
    if (this.#has(id)) this.service("canvas").scrollToElement(id, 60);
  }

  zoom(direction) {
    const canvas = this.service("canvas");
    if (direction === "fit") return fit(canvas);
    canvas.zoom(canvas.zoom() * (direction === "in" ? STEP : 1 / STEP));
  }

  destroy() {
    this.#viewer.destroy();
  }

  #has(id) {
    return Boolean(this.service("elementRegistry").get(id));
  }

  /** A small shape has its name below it, which the count must not cover. */
  #corner(id) {
    const isSmall = this.service("elementRegistry").get(id).width <= SMALL;
    return isSmall ? { bottom: 18, right: 8 } : { bottom: 10, right: 10 };
  }

  #lay(id, html, position) {
    return this.service("overlays").add(id, { html, position, show: { minZoom: 0.35 }, scale: { min: 0.85, max: 1.2 } });
  }

  #pick(element) {
    const isNothing = !element.parent; // the paper itself
    for (const handler of this.#picked) handler(isNothing ? null : (element.labelTarget ?? element).id, element);
  }
}

/**
 * The whole diagram with a margin, not larger than it is, in the middle of what is not covered at the left
 * (`left`, pixels). `least` is the smallest scale: a diagram that is longer then begins at the left.
 */
export function fit(canvas, { left = 0, least = 0 } = {}) {
  canvas.resized();
  const { inner, outer } = canvas.viewbox();
  if (!outer.width || !inner.width) return;
  const [room, height] = [outer.width - left - 2 * MARGIN, outer.height - 2 * MARGIN];
  const scale = Math.max(least, Math.min(LARGEST_FIT, room / inner.width, height / inner.height));
  const spare = Math.max(0, room - inner.width * scale) / 2;
  const above = Math.max(0, height - inner.height * scale) / 2;
  canvas.viewbox({
    x: inner.x - (left + MARGIN + spare) / scale,
    y: inner.y - (MARGIN + above) / scale,
    width: outer.width / scale,
    height: outer.height / scale,
  });
}

/** The wheel scrolls the page; with Ctrl (or two fingers apart) it zooms the diagram. */
export function holdWheel(container) {
  container.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  }, { capture: true });
}

/** Says what the drawing is to those who cannot see it. */
export function describe(container, label) {
  const svg = container.querySelector(".djs-container > svg");
  svg.setAttribute("role", "group");
  if (label) svg.setAttribute("aria-label", label);
}

function stateIcon(state) {
  const box = document.createElement("span");
  box.className = "bpmn-state";
  box.dataset.state = state;
  box.append(icon(ICONS[state] ?? "circle-dashed"));
  return box;
}

function counter(text, title) {
  const box = document.createElement("span");
  box.className = "bpmn-count";
  box.textContent = text;
  if (title) box.title = title;
  return box;
}

/** An icon of the page's sprite. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}
