// Keeps in view what runs now, until somebody moves the diagram by hand; a button says which it is.
const DRAG = 6; // pixels that make a press a pull

export class Following {
  #last = [];
  #from = null;

  constructor(canvas, container, button) {
    this.canvas = canvas;
    this.container = container;
    this.button = button;
    button.hidden = false;
    button.addEventListener("click", () => this.set(!this.isOn));
    container.addEventListener("pointerdown", (event) => (this.#from = [event.clientX, event.clientY]), true);
    addEventListener("pointerup", () => (this.#from = null), true);
    addEventListener("pointermove", (event) => this.#moved(event), true);
    container.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.startsWith("Arrow")) this.set(false);
    }, true);
  }

  get isOn() {
    return this.button.getAttribute("aria-pressed") === "true";
  }

  set(isOn) {
    if (isOn === this.isOn) return;
    this.button.setAttribute("aria-pressed", isOn);
    if (isOn) this.show(this.#last);
  }

  /** The first of these elements is brought into view, if none of them is. */
  show(ids) {
    this.#last = ids;
    if (this.isOn && ids.length && !ids.some((id) => this.#isInView(id))) this.canvas.reveal(ids[0]);
  }

  #isInView(id) {
    const place = this.canvas.service("elementRegistry").getGraphics(id)?.getBoundingClientRect();
    const frame = this.container.getBoundingClientRect();
    return Boolean(place) && place.left >= frame.left && place.right <= frame.right && place.top >= frame.top && place.bottom <= frame.bottom;
  }

  #moved({ clientX, clientY, buttons }) {
    if (!this.#from || !buttons) return;
    if (Math.hypot(clientX - this.#from[0], clientY - this.#from[1]) > DRAG) this.set(false);
  }
}
