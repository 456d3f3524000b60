// Lays an overlay on the diagram. Only what differs from the last one touches the page; the same one
// again changes nothing. What takes longer than a slice goes on in the next frame, and the newest wins.
const UNTOUCHED = { state: "", live: 0, iterations: 0, label: "" };
const SLICE = 12; // milliseconds
const SVG = "http://www.w3.org/2000/svg";

export class Painter {
  #nodes = new Map(); // id → what was painted, as text
  #rounds = new Map(); // id → overlay
  #here = null;
  #turn = 0;

  constructor(canvas) {
    this.canvas = canvas;
  }

  /** Whether it came to its end: a newer one may have taken its place. */
  async paint({ nodes, flows, here = null }) {
    const turn = ++this.#turn;
    const gone = [...this.#nodes.keys()].filter((id) => !nodes[id]).map((id) => [id, UNTOUCHED]);
    let end = performance.now() + SLICE;
    for (const [id, node] of [...gone, ...Object.entries(nodes)]) {
      this.#node(id, node);
      if (performance.now() < end) continue;
      await new Promise(nextFrame);
      if (turn !== this.#turn) return false;
      end = performance.now() + SLICE;
    }
    this.canvas.paths(flows);
    this.#point(here);
    return true;
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

  /** How often a node was entered, over its upper left corner, clear of the sign of its kind. */
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
    const overlay = overlays.add(id, { html, position: { top: -19, left: 2 }, show: { minZoom: 0.35 }, scale: { min: 0.85, max: 1.2 } });
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

/** Frames stop in a tab that nobody sees; its picture is to be right all the same. */
function nextFrame(then) {
  if (document.hidden) setTimeout(then);
  else requestAnimationFrame(() => setTimeout(then));
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
