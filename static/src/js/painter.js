// Lays an overlay on the diagram. Only what differs from the last one touches the page; the same one
// again changes nothing.
const UNTOUCHED = { state: "", live: 0, iterations: 0, label: "" };
const SVG = "http://www.w3.org/2000/svg";

export class Painter {
  #nodes = new Map(); // id → what was painted, as text
  #rounds = new Map(); // id → overlay
  #here = null;

  constructor(canvas) {
    this.canvas = canvas;
  }

  paint({ nodes, flows, here = null }) {
    for (const id of [...this.#nodes.keys()]) if (!nodes[id]) this.#node(id, UNTOUCHED);
    for (const [id, node] of Object.entries(nodes)) this.#node(id, node);
    this.canvas.paths(flows);
    this.#point(here);
  }

  #node(id, node) {
    const text = JSON.stringify(node);
    const graphics = this.#graphics(id);
    if (!graphics || this.#nodes.get(id) === text) return;
    if (node === UNTOUCHED) this.#nodes.delete(id);
    else this.#nodes.set(id, text);
    // A step that no token has reached looks as if it had no state.
    const isReached = node.state !== "pending" || node.live > 0;
    this.canvas.mark(id, isReached ? node.state || null : null);
    this.canvas.badge(id, node.live, node.label);
    this.#round(id, node.iterations);
    say(graphics, node);
  }

  /** How often a node was entered, at its lower left corner. */
  #round(id, count) {
    const known = this.#rounds.get(id);
    if (known?.count === count) return;
    const overlays = this.canvas.service("overlays");
    if (known) overlays.remove(known.overlay);
    this.#rounds.delete(id);
    if (count < 2) return;
    const html = document.createElement("span");
    html.className = "bpmn-rounds";
    html.textContent = `×${count}`;
    const overlay = overlays.add(id, { html, position: { bottom: 9, left: 8 }, show: { minZoom: 0.35 }, scale: { min: 0.85, max: 1.2 } });
    this.#rounds.set(id, { count, overlay });
  }

  #point(id) {
    if (id === this.#here) return;
    const canvas = this.canvas.service("canvas");
    if (this.#here) canvas.removeMarker(this.#here, "is-here");
    this.#here = id && this.#graphics(id) ? id : null;
    if (this.#here) canvas.addMarker(id, "is-here");
  }

  #graphics(id) {
    return this.canvas.service("elementRegistry").getGraphics(id);
  }
}

/** In words, for those who listen and those who point. */
function say(graphics, { state, label }) {
  if (state) graphics.dataset.state = state;
  else delete graphics.dataset.state;
  if (!label) return;
  graphics.setAttribute("aria-label", label);
  let title = graphics.querySelector(":scope > title");
  if (!title) graphics.prepend((title = document.createElementNS(SVG, "title")));
  title.textContent = label;
}
