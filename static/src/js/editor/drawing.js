// bpmn-js as our drawing board: its palette, menus and words cut to what a workflow can run.
import Modeler from "bpmn-js/lib/Modeler";
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer";
import { LOOK } from "../bpmn-look.js";
import signalbox from "../signalbox-moddle.json";
import { one } from "../dom.js";
import { Keys } from "./keys.js";

const words = JSON.parse(one("#diagram-texts")?.textContent || "{}");

/** bpmn-js's own English as the page says it. */
export const said = (text, values = {}) => (words[text] ?? text).replace(/{([^}]+)}/g, (_, name) => values[name] ?? `{${name}}`);

/** The board; for those who may only look, one on which nothing can be taken hold of. */
export function drawingBoard(container, { mayEdit }) {
  const shared = { container, ...LOOK, moddleExtensions: { signalbox } };
  const words = { translate: ["value", said] };
  if (!mayEdit) return new NavigatedViewer({ ...shared, additionalModules: [words] });
  return new Modeler({ ...shared, additionalModules: [words, OURS] });
}

const TOOLS = [
  ["hand-tool", "bpmn-icon-hand-tool", "Activate hand tool", "handTool", "activateHand"],
  ["lasso-tool", "bpmn-icon-lasso-tool", "Activate lasso tool", "lassoTool", "activateSelection"],
  ["space-tool", "bpmn-icon-space-tool", "Activate create/remove space tool", "spaceTool", "activateSelection"],
  ["global-connect-tool", "bpmn-icon-connection-multi", "Activate global connect tool", "globalConnect", "start"],
];
export const SHAPES = [
  ["start", "event", "bpmn-icon-start-event-none", "Start event", { type: "bpmn:StartEvent" }],
  ["timer", "event", "bpmn-icon-intermediate-event-catch-timer", "Timer intermediate catch event", { type: "bpmn:IntermediateCatchEvent", eventDefinitionType: "bpmn:TimerEventDefinition" }],
  ["message", "event", "bpmn-icon-intermediate-event-catch-message", "Message intermediate catch event", { type: "bpmn:IntermediateCatchEvent", eventDefinitionType: "bpmn:MessageEventDefinition" }],
  ["end", "event", "bpmn-icon-end-event-none", "End event", { type: "bpmn:EndEvent" }],
  ["exclusive", "gateway", "bpmn-icon-gateway-xor", "Exclusive gateway", { type: "bpmn:ExclusiveGateway" }],
  ["parallel", "gateway", "bpmn-icon-gateway-parallel", "Parallel gateway", { type: "bpmn:ParallelGateway" }],
  ["agent", "activity", "bpmn-icon-service-task", "Task of an agent", { type: "bpmn:ServiceTask" }],
  ["human", "activity", "bpmn-icon-user-task", "Approval by a person", { type: "bpmn:UserTask" }],
  ["decision", "activity", "bpmn-icon-business-rule-task", "Business rule task", { type: "bpmn:BusinessRuleTask" }],
  ["call", "activity", "bpmn-icon-call-activity", "Call activity", { type: "bpmn:CallActivity" }],
  ["scope", "activity", "bpmn-icon-subprocess-expanded", "Sub-process", { type: "bpmn:SubProcess", isExpanded: true }],
];

class Palette {
  static $inject = ["palette", "create", "elementFactory", "injector", "translate"];

  constructor(palette, create, elementFactory, injector, translate) {
    Object.assign(this, { create, elementFactory, injector, translate });
    palette.registerProvider(this);
  }

  getPaletteEntries() {
    const tools = TOOLS.map(([key, className, title, service, start]) => {
      const click = (event) => this.injector.get(service)[start](event);
      return [key, { group: "tools", className, title: this.translate(title), action: { click } }];
    });
    const shapes = SHAPES.map(([key, group, className, title, attributes]) => {
      const start = (event) => this.create.start(event, this.#shapes(attributes));
      return [`create.${key}`, { group, className, title: this.translate(title), action: { dragstart: start, click: start } }];
    });
    return Object.fromEntries([...tools, ["tool-separator", { group: "tools", separator: true }], ...shapes]);
  }

  /** A sub-process comes with its start. */
  #shapes(attributes) {
    const shape = this.elementFactory.createShape({ ...attributes });
    if (attributes.type !== "bpmn:SubProcess") return shape;
    return [shape, this.elementFactory.createShape({ type: "bpmn:StartEvent", x: 40, y: 82, parent: shape })];
  }
}

const NOT_RUN = ["replace-with-complex-gateway", "replace-with-none-intermediate-throw", "replace-with-manual-task"];
const APPENDED = [
  ["append.append-task", "bpmn-icon-service-task", "Append task of an agent", { type: "bpmn:ServiceTask" }],
  ["append.human", "bpmn-icon-user-task", "Append approval by a person", { type: "bpmn:UserTask" }],
];

/** What the pads and menus offer: tasks that somebody does, and nothing that does not run. */
class Menus {
  static $inject = ["contextPad", "popupMenu", "autoPlace", "create", "elementFactory", "translate"];

  constructor(contextPad, popupMenu, autoPlace, create, elementFactory, translate) {
    Object.assign(this, { autoPlace, create, elementFactory, popupMenu, translate });
    contextPad.registerProvider(500, this);
    popupMenu.registerProvider("bpmn-replace", 500, { getPopupMenuEntries: () => (entries) => without(entries, NOT_RUN) });
  }

  getContextPadEntries() {
    return (entries) => {
      if (entries.replace) entries.replace.action.click = (event, element) => this.#replace(event, element);
      if (!entries["append.append-task"]) return entries;
      const own = APPENDED.map(([key, className, title, attributes]) => [key, this.#append(className, title, attributes)]);
      return { ...Object.fromEntries(own), ...without(entries, ["append.append-task", "append.intermediate-event"]) };
    };
  }

  /** bpmn-js's own asks for its pad in a way that it warns of itself. */
  #replace(event, element) {
    const { left, bottom } = one(".djs-context-pad.open").getBoundingClientRect();
    const position = { x: left, y: bottom + 5, cursor: { x: event?.x, y: event?.y } };
    this.popupMenu.open(element, "bpmn-replace", position, { title: this.translate("Change element"), width: 300, search: true });
  }

  #append(className, title, attributes) {
    const shape = () => this.elementFactory.createShape({ ...attributes });
    return {
      group: "model",
      className,
      title: this.translate(title),
      action: {
        dragstart: (event, element) => this.create.start(event, shape(), { source: element }),
        click: (_, element) => this.autoPlace.append(element, shape()),
      },
    };
  }
}

const without = (entries, names) => Object.fromEntries(Object.entries(entries).filter(([name]) => !names.includes(name)));

/** Several changes of one element's data as one step of undo: `modeling`'s single ones in a row. */
class Changes {
  static $inject = ["commandStack", "modeling"];

  constructor(commandStack, modeling) {
    commandStack.register("signalbox.change", {
      preExecute({ element, changes }) {
        for (const [part, properties] of changes) modeling.updateModdleProperties(element, part, properties);
      },
    });
    commandStack.register("signalbox.edit", {
      preExecute(context) {
        context.result = context.edit();
      },
    });
  }
}

const OURS = {
  __init__: ["menus", "changes", "keysOfNew"],
  paletteProvider: ["type", Palette],
  menus: ["type", Menus],
  changes: ["type", Changes],
  keysOfNew: ["type", Keys],
};
