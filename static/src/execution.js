// The execution's diagram: states and tokens as they are now, or at the moment where the slider stands.
// It stands before viewer.js in the page: that one tells when the diagram is there.
import { one } from "./js/dom.js";
import { Following } from "./js/following.js";
import { Painter } from "./js/painter.js";
import { Picking } from "./js/picking.js";

const SMALLEST = 0.58; // a whole diagram is not drawn smaller than this
const READABLE = 0.75; // and a part of one at this size
const root = one("#execution");

class LiveDiagram {
  #asked = 0;
  #isBusy = false;
  #isLate = false;

  constructor(element, canvas) {
    this.element = element;
    this.canvas = canvas;
    this.painter = new Painter(canvas);
    this.picking = new Picking(canvas, element);
    this.following = new Following(canvas, element, one("#follow"));
    root.addEventListener("live", () => this.#at() || this.refresh());
    root.addEventListener("moment", () => this.refresh());
    document.addEventListener("htmx:configRequest", ({ detail }) => {
      if (detail.elt === root) detail.parameters.canvas = 1; // the parts need not bring the drawing
    });
  }

  /** Fetches the overlay; while one is on its way the next waits, and only the last wish counts. */
  async refresh() {
    if (this.#isBusy) return void (this.#isLate = true);
    this.#isBusy = true;
    try {
      do {
        this.#isLate = false;
        await this.#fetch();
      } while (this.#isLate);
    } finally {
      this.#isBusy = false;
    }
  }

  async #fetch() {
    const at = this.#at();
    const url = at ? this.element.dataset.overlayAt.replace(/0\/$/, `${at}/`) : this.element.dataset.overlay;
    const answer = await fetch(url).catch(() => null);
    if (!answer?.ok || at !== this.#at()) return; // the next change asks again
    await this.paint(await answer.json(), at);
  }

  async paint(overlay, at = "") {
    if (!(await this.painter.paint(overlay))) return;
    this.picking.know(overlay.nodes);
    this.following.show(at && overlay.here ? [overlay.here] : overlay.focus);
    this.element.dataset.version = overlay.version;
    this.element.dataset.at = at;
  }

  #at() {
    return root.dataset.at ?? "";
  }
}

/** As high as the diagram needs, within limits; small print is enlarged, and then shown in part. */
function place(element, canvas) {
  const diagram = canvas.service("canvas");
  const { inner } = diagram.viewbox();
  const whole = Math.min(1, (element.clientWidth - 56) / inner.width);
  const scale = whole < SMALLEST ? READABLE : whole;
  element.style.height = `${Math.round(Math.min(Math.max(inner.height * scale + 72, 180), innerHeight * 0.62))}px`;
  canvas.zoom("fit");
  if (diagram.zoom() >= SMALLEST) return;
  diagram.zoom(READABLE, { x: 0, y: 0 });
  const box = diagram.viewbox();
  diagram.viewbox({ ...box, x: inner.x - 28 / READABLE, y: inner.y + (inner.height - box.height) / 2 });
}

document.addEventListener("bpmn:ready", ({ target, detail }) => {
  const card = target.closest(".diagram-card");
  const hadFocus = card?.querySelector(".diagram")?.contains(document.activeElement);
  card?.classList.add("has-canvas");
  place(target, detail.canvas);
  addEventListener("beforeprint", () => detail.canvas.zoom("fit"));
  if (target.dataset.overlay) {
    target.live = new LiveDiagram(target, detail.canvas);
    target.live.refresh();
  }
  // Whoever stood on the drawing that it takes the place of goes on from here, not from the page's top.
  if (hadFocus) one('[tabindex="0"]', target)?.focus();
});
