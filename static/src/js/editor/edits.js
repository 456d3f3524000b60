// The edits that the tree's buttons and keys make: what a mouse draws, said in words.
import { SHAPES } from "./drawing.js";
import { isNode, kindOf } from "./model.js";

const GAP = 60; // pixels between a step and the next
const EDGE = {
  timer_edge: { type: "bpmn:BoundaryEvent", eventDefinitionType: "bpmn:TimerEventDefinition" },
  error_edge: { type: "bpmn:BoundaryEvent", eventDefinitionType: "bpmn:ErrorEventDefinition" },
};
const MORE = {
  inclusive: { type: "bpmn:InclusiveGateway" },
  event_gateway: { type: "bpmn:EventBasedGateway" },
  signal: { type: "bpmn:IntermediateCatchEvent", eventDefinitionType: "bpmn:SignalEventDefinition" },
  send: { type: "bpmn:IntermediateThrowEvent", eventDefinitionType: "bpmn:MessageEventDefinition" },
};
const attributes = (what) => MORE[what] ?? SHAPES.find(([key]) => key === what)?.[4];

/** Where something can come after: a node that has ways out; else the end of the line. */
export const canLead = (element) => isNode(element) && kindOf(element) !== "end";

/** A new element after `source` (null: on its own), named; the new shape. */
export function add(model, source, what, name) {
  const shape = EDGE[what] ? attach(model, source, what) : append(model, source, what);
  if (what === "scope") model.service("modeling").createShape({ type: "bpmn:StartEvent" }, { x: shape.x + 58, y: shape.y + shape.height / 2 }, shape);
  if (name) model.service("modeling").updateProperties(shape, { name });
  return shape;
}

function append(model, source, what) {
  const [factory, modeling] = [model.service("elementFactory"), model.service("modeling")];
  const shape = factory.createShape({ ...attributes(what) });
  const only = source && (source.outgoing ?? []).filter((flow) => kindOf(flow) === "flow");
  if (!source) return modeling.createShape(shape, free(model), model.service("canvas").getRootElement());
  if (only.length !== 1 || what === "end" || kindOf(source) === "boundary" || isBranching(source)) return model.service("autoPlace").append(source, shape);
  return insert(model, source, only[0], shape);
}

const isBranching = (element) => ["exclusive", "parallel", "inclusive", "event_gateway"].includes(kindOf(element));

/** Between a step and what follows it: what stands to the right moves on. */
function insert(model, source, flow, shape) {
  const modeling = model.service("modeling");
  const start = source.x + source.width + GAP / 2;
  const room = shape.width + GAP;
  const moving = source.parent.children.filter((each) => each.x >= start && each.waypoints === undefined);
  if (flow.target.x < source.x + source.width + GAP + room) modeling.createSpace(moving, [], { x: room, y: 0 }, "e", start);
  const place = { x: source.x + source.width + GAP + shape.width / 2, y: source.y + source.height / 2 };
  const after = flow.target;
  const made = modeling.createShape(shape, place, source.parent);
  modeling.reconnectEnd(flow, made, { x: made.x, y: place.y });
  modeling.connect(made, after, { type: "bpmn:SequenceFlow" });
  return made;
}

function attach(model, host, what) {
  const shape = model.service("elementFactory").createShape({ ...EDGE[what] });
  const taken = (host.attachers ?? []).length;
  const place = { x: host.x + host.width - 24 - taken * 42, y: host.y + host.height };
  return model.service("modeling").createShape(shape, place, host, { attach: true });
}

/** A place on the paper beside everything that is there. */
function free(model) {
  const { inner, x, y, width, height } = model.service("canvas").viewbox();
  if (!inner.width) return { x: x + width / 2, y: y + height / 2 };
  return { x: inner.x + 80, y: inner.y + inner.height + 90 };
}

/** What an element may be connected to: every other node of its scope that takes a way in. */
export function targets(model, source) {
  if (!isNode(source)) return [];
  const scope = source.host ? source.host.parent : source.parent;
  return scope.children.filter((each) => isNode(each) && each !== source && !["start", "boundary"].includes(kindOf(each)) && !(source.outgoing ?? []).some((flow) => flow.target === each));
}

export function connect(model, source, target) {
  return model.service("modeling").connect(source, target, { type: "bpmn:SequenceFlow" });
}

export function remove(model, element) {
  model.service("modeling").removeElements([element]);
}
