// What an element of the diagram says of our fields, and how to change it: one change, one step of undo.
import { parsed } from "./exact.js";

export const CEL = "https://github.com/google/cel-spec";

const KINDS = {
  "bpmn:ServiceTask": "agent",
  "bpmn:Task": "pass",
  "bpmn:UserTask": "human",
  "bpmn:ManualTask": "pass",
  "bpmn:ScriptTask": "pass",
  "bpmn:BusinessRuleTask": "decision",
  "bpmn:SendTask": "throw",
  "bpmn:ReceiveTask": "catch",
  "bpmn:CallActivity": "call",
  "bpmn:SubProcess": "scope",
  "bpmn:Transaction": "scope",
  "bpmn:AdHocSubProcess": "scope",
  "bpmn:StartEvent": "start",
  "bpmn:EndEvent": "end",
  "bpmn:IntermediateCatchEvent": "catch",
  "bpmn:IntermediateThrowEvent": "throw",
  "bpmn:BoundaryEvent": "boundary",
  "bpmn:ExclusiveGateway": "exclusive",
  "bpmn:ParallelGateway": "parallel",
  "bpmn:InclusiveGateway": "inclusive",
  "bpmn:EventBasedGateway": "event_gateway",
  "bpmn:SequenceFlow": "flow",
  "bpmn:Process": "process",
  "bpmn:Collaboration": "process",
  "bpmn:Participant": "process",
};
const EVENTS = {
  "bpmn:TimerEventDefinition": "timer",
  "bpmn:MessageEventDefinition": "message",
  "bpmn:SignalEventDefinition": "signal",
  "bpmn:ConditionalEventDefinition": "conditional",
  "bpmn:ErrorEventDefinition": "error",
  "bpmn:EscalationEventDefinition": "escalation",
  "bpmn:CompensateEventDefinition": "compensate",
  "bpmn:LinkEventDefinition": "link",
  "bpmn:TerminateEventDefinition": "terminate",
  "bpmn:CancelEventDefinition": "cancel",
};

/** Our kind of an element: as in docs/modelling.md, and "flow", "process" or "note". */
export function kindOf(element) {
  const object = element.businessObject;
  const kind = KINDS[object?.$type] ?? "note";
  return kind === "pass" && namesAgent(object) ? "agent" : kind;
}

const namesAgent = (object) => Boolean(object.extensionElements?.values?.some((each) => each.$type === "signalbox:TaskDefinition"));

/** The type of the event that an element waits for or sends; "" if none. */
export function eventOf(element) {
  const object = element.businessObject;
  if (object.$type === "bpmn:SendTask" || object.$type === "bpmn:ReceiveTask") return "message";
  return EVENTS[object.eventDefinitions?.[0]?.$type] ?? "";
}

export const nameOf = (element) => element.businessObject?.name?.replace(/\s+/g, " ").trim() || element.id;
export const isNode = (element) => Boolean(element.businessObject?.$instanceOf?.("bpmn:FlowNode")) && !element.labelTarget;

export class Model {
  constructor(board) {
    this.board = board;
  }

  service(name) {
    return this.board.get(name);
  }

  element(id) {
    return this.service("elementRegistry").get(id);
  }

  /** The paper of the whole workflow; folded sub-processes have papers of their own. */
  top() {
    return this.service("canvas").getRootElements().find((root) => !root.businessObject?.$instanceOf?.("bpmn:SubProcess"));
  }

  /** What lies in a scope, whether it is drawn in it or on its own paper. */
  inside(scope) {
    const paper = this.element(`${scope.id}_plane`);
    return (paper ?? scope).children ?? [];
  }

  /** Puts the paper on the board that an element lies on. */
  turnTo(element) {
    const canvas = this.service("canvas");
    const paper = canvas.findRoot(element);
    if (paper && paper !== canvas.getRootElement()) canvas.setRootElement(paper);
  }

  /** The element whose data the page shows as the workflow's: the process. */
  process() {
    const object = this.top().businessObject;
    if (object.$type === "bpmn:Process") return object;
    if (object.$type === "bpmn:Collaboration") return object.participants?.find((each) => each.processRef)?.processRef;
    return this.board.getDefinitions().rootElements.find((each) => each.$type === "bpmn:Process");
  }

  /** The moddle element that carries an element's fields. */
  owner(element) {
    return kindOf(element) === "process" ? element.businessObject.processRef ?? this.process() : element.businessObject;
  }

  /** changes: [[moddle element, { property: value }], …] */
  change(element, changes) {
    this.service("commandStack").execute("signalbox.change", { element, changes });
  }

  /** Whatever `edit` does to the drawing is one step of undo; gives what it returns. */
  edit(edit) {
    const context = { edit };
    this.service("commandStack").execute("signalbox.edit", context);
    return context.result;
  }

  make(type, properties, parent) {
    const made = this.service("bpmnFactory").create(type, properties);
    if (parent) made.$parent = parent;
    return made;
  }

  expression(text, parent) {
    return text ? this.make("bpmn:FormalExpression", { body: text, language: CEL }, parent) : undefined;
  }

  /** Our extension element of a type ("TaskDefinition", …) on an element, or undefined. */
  extension(element, type) {
    return this.owner(element).extensionElements?.values?.find((each) => each.$type === `signalbox:${type}`);
  }

  /** The change that puts an extension element in the place of the old one; null takes it away. */
  withExtension(element, type, made) {
    const owner = this.owner(element);
    const others = (owner.extensionElements?.values ?? []).filter((each) => each.$type !== `signalbox:${type}`);
    const values = made ? [...others, made] : others;
    if (!values.length) return [owner, { extensionElements: undefined }];
    const holder = this.make("bpmn:ExtensionElements", { values }, owner);
    for (const each of values) each.$parent = holder;
    return [owner, { extensionElements: holder }];
  }

  /** The object that is kept as JSON in one of our extension elements. */
  json(element, type) {
    try {
      const read = parsed(this.extension(element, type)?.text ?? "{}");
      return read && typeof read === "object" && !Array.isArray(read) ? read : {};
    } catch {
      return {};
    }
  }

  /** The change that keeps an object as JSON; what is undefined is left out, an empty one taken away. */
  withJson(element, type, object) {
    const kept = Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
    const text = JSON.stringify(kept);
    return this.withExtension(element, type, text === "{}" ? null : this.make(`signalbox:${type}`, { text }));
  }

  definition(element) {
    return element.businessObject.eventDefinitions?.[0] ?? element.businessObject;
  }

  /** The message, signal, error or escalation of the document that an event refers to. */
  reference(element) {
    const definition = this.definition(element);
    return definition.messageRef ?? definition.signalRef ?? definition.errorRef ?? definition.escalationRef;
  }

  /** Changes that let an event refer to the one with this name or code, made anew where there is none. */
  withReference(element, type, property, value) {
    const definition = this.definition(element);
    const slot = `${type[0].toLowerCase()}${type.slice(1)}Ref`;
    if (!value) return [[definition, { [slot]: undefined }]];
    const all = this.board.getDefinitions();
    const known = all.rootElements.find((each) => each.$type === `bpmn:${type}` && each[property] === value);
    if (known) return [[definition, { [slot]: known }]];
    const made = this.make(`bpmn:${type}`, { name: value, [property]: value }, all);
    return [[all, { rootElements: [...all.rootElements, made] }], [definition, { [slot]: made }]];
  }
}
