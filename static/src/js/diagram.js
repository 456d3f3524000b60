// The diagram fits its card; buttons enlarge it, and then it scrolls inside the card.
import { all, one, onClick } from "./dom.js";

const steps = [0.5, 0.65, 0.8, 1, 1.25, 1.6];
const READABLE = 0.72;
let chosen = null;

const fitting = (box, svg) => Math.min(1, (box.clientWidth - 28) / svg.dataset.width);

function apply() {
  for (const box of all(".diagram")) {
    const svg = one("svg", box);
    if (!svg) continue;
    const scale = chosen ?? Math.max(fitting(box, svg), READABLE);
    box.dataset.zoom = "natural";
    svg.style.width = `${Math.round(svg.dataset.width * scale)}px`;
    svg.style.height = `${Math.round(svg.dataset.height * scale)}px`;
  }
}

function zoom(direction) {
  const box = one(".diagram");
  const svg = one("svg", box);
  const now = svg.clientWidth / svg.dataset.width;
  const larger = steps.find((step) => step > now + 0.02) ?? steps.at(-1);
  const smaller = steps.findLast((step) => step < now - 0.02) ?? steps[0];
  chosen = direction === "in" ? larger : direction === "out" ? smaller : fitting(box, svg);
  apply();
}

onClick("[data-zoom-to]", (button) => zoom(button.dataset.zoomTo));
addEventListener("resize", apply);
document.addEventListener("htmx:oobAfterSwap", apply);
document.addEventListener("htmx:afterSwap", apply);
apply();
centre(one(".diagram .node:is([data-state=running], [data-state=paused], [data-state=failed], [data-state=in_doubt])"));

// Not scrollIntoView(): with it the next Tab would go on from there, and pass over the skip link.
function centre(node) {
  const box = node?.closest(".diagram");
  if (!box) return;
  const [shape, view] = [node.getBoundingClientRect(), box.getBoundingClientRect()];
  box.scrollLeft += shape.left + shape.width / 2 - (view.left + view.width / 2);
}
