// Every [data-bpmn="address of the XML"] becomes a diagram to look at. Pages that lay more over it listen
// for "bpmn:ready" on the element (bubbles; detail.canvas is its BpmnCanvas) or find it as element.bpmn.
import { BpmnCanvas } from "./js/bpmn-canvas.js";
import { onClick } from "./js/dom.js";

async function show(element) {
  const canvas = new BpmnCanvas(element, { label: element.getAttribute("aria-label") ?? "" });
  element.bpmn = canvas;
  try {
    const answer = await fetch(element.dataset.bpmn);
    if (!answer.ok) throw new Error(`${answer.status}`);
    await canvas.load(await answer.text());
  } catch (error) {
    element.dataset.failed = String(error.message ?? error);
    return;
  }
  element.dataset.ready = "";
  element.dispatchEvent(new CustomEvent("bpmn:ready", { bubbles: true, detail: { canvas } }));
}

for (const element of document.querySelectorAll("[data-bpmn]")) show(element);
onClick("[data-bpmn-zoom]", (button) => document.querySelector("[data-bpmn]")?.bpmn?.zoom(button.dataset.bpmnZoom));
