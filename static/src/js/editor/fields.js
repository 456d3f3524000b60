// The panel's fields by name: how each reads its value off an element, and the changes that write one.
// A text field's value is text, a check box's a boolean, a list of rows a list of [name, text] pairs.
import { parsed } from "./exact.js";
import { fromSchema, toSchema } from "./form-fields.js";
import { CEL, eventOf } from "./model.js";

const words = (text) => text.split(/[\s,]+/).filter(Boolean);
const lines = (object) => Object.entries(object ?? {});
const number = (text) => (text === "" ? undefined : Number(text));
const fromPairs = (pairs) => Object.fromEntries(pairs.filter(([name]) => name.trim()).map(([name, value]) => [name.trim(), value]));

/** JSON where it is JSON, else the text itself: `3` is a number, `hello` a text. */
export function value(text) {
  try {
    return parsed(text);
  } catch {
    return text;
  }
}

const shown = (given) => (typeof given === "string" && value(given) === given ? given : JSON.stringify(given));

function attribute(name) {
  return {
    read: (model, element) => model.extension(element, "TaskDefinition")?.[name] ?? "",
    write: (model, element, text) => {
      const kept = { ...attributes(model.extension(element, "TaskDefinition")), [name]: text || undefined };
      const isEmpty = Object.values(kept).every((each) => each === undefined);
      return [model.withExtension(element, "TaskDefinition", isEmpty ? null : model.make("signalbox:TaskDefinition", kept))];
    },
  };
}

function attributes(definition) {
  const names = ["agent", "role", "capabilities", "priority", "retries", "timeout"];
  return Object.fromEntries(names.map((name) => [name, definition?.[name]]));
}

/** A part of an object that is kept as JSON. */
function part(type, name, { read = (given) => given ?? "", write = (text) => text || undefined } = {}) {
  return {
    read: (model, element) => read(model.json(element, type)[name]),
    write: (model, element, text) => [model.withJson(element, type, { ...model.json(element, type), [name]: write(text) })],
  };
}

const asNumber = { write: number };
const asWords = { read: (given) => (given ?? []).join(", "), write: (text) => (words(text).length ? words(text) : undefined) };
const asPairs = { read: (given) => lines(given), write: (pairs) => (pairs.length ? fromPairs(pairs) : undefined) };
const asJson = { read: (given) => (given === undefined ? "" : JSON.stringify(given, null, 2)), write: (text) => (text.trim() ? value(text) : undefined) };

function mapping(side) {
  const isInput = side === "inputs";
  return {
    read: (model, element) => (model.extension(element, "IoMapping")?.[side] ?? []).map((each) => (isInput ? [each.target, shown(value(each.text ?? ""))] : [each.target, each.source ?? ""])),
    write: (model, element, pairs) => {
      const before = model.extension(element, "IoMapping");
      const made = Object.entries(fromPairs(pairs)).map(([target, text]) => (isInput ? model.make("signalbox:Input", { target, text: JSON.stringify(value(text)) }) : model.make("signalbox:Output", { target, source: text })));
      const both = { inputs: before?.inputs ?? [], outputs: before?.outputs ?? [], [side]: made };
      const holder = model.make("signalbox:IoMapping", both);
      for (const each of [...both.inputs, ...both.outputs]) each.$parent = holder;
      return [model.withExtension(element, "IoMapping", both.inputs.length + both.outputs.length ? holder : null)];
    },
  };
}

/** A plain property of the BPMN element or of its event definition. */
function property(name, { on = (model, element) => model.owner(element), unset } = {}) {
  return {
    read: (model, element) => on(model, element)?.[name] ?? unset ?? "",
    write: (model, element, text) => [[on(model, element), { [name]: text === "" || text === unset ? undefined : text }]],
  };
}

/** The key of the form that an approval shares with others; "" when it is drawn at the step. */
const sharedForm = (model, element) => {
  const { form } = model.json(element, "Approval");
  return typeof form === "string" ? form : "";
};

const definition = (model, element) => model.definition(element);
const loopOf = (model, element) => element.businessObject.loopCharacteristics;

function expression(name, on) {
  return {
    read: (model, element) => on(model, element)?.[name]?.body ?? "",
    write: (model, element, text) => [[on(model, element), { [name]: model.expression(text, on(model, element)) }]],
  };
}

function reference(type, name) {
  return {
    read: (model, element) => model.reference(element)?.[name] ?? "",
    write: (model, element, text) => model.withReference(element, type, name, text),
  };
}

const TIMERS = { duration: "timeDuration", at: "timeDate", cycle: "timeCycle" };
const LITERAL = /^$|^[+-]?P|^R\d*\/|^\d{4}-/; // a time of ISO 8601; everything else is CEL
const timerKind = (model, element) => Object.keys(TIMERS).find((kind) => model.definition(element)[TIMERS[kind]]) ?? "duration";
const timer = (model, element, kind, text) => {
  const at = model.definition(element);
  const properties = Object.fromEntries(Object.values(TIMERS).map((name) => [name, undefined]));
  const language = LITERAL.test(text) ? undefined : CEL;
  return [[at, { ...properties, [TIMERS[kind]]: model.make("bpmn:FormalExpression", { body: text, language }, at) }]];
};

function loopMode(model, element) {
  const loop = loopOf(model, element);
  if (!loop) return "";
  if (loop.$type === "bpmn:StandardLoopCharacteristics") return "standard";
  return loop.isSequential ? "sequential" : "parallel";
}

function loopAs(model, element, mode) {
  const owner = element.businessObject;
  const bare = model.withJson(element, "Loop", {});
  if (!mode) return [[owner, { loopCharacteristics: undefined }], bare];
  if (mode === "standard") return [[owner, { loopCharacteristics: model.make("bpmn:StandardLoopCharacteristics", {}, owner) }], bare];
  const before = loopMode(model, element);
  const isSame = before === "parallel" || before === "sequential";
  if (isSame) return [[loopOf(model, element), { isSequential: mode === "sequential" }]];
  return [[owner, { loopCharacteristics: model.make("bpmn:MultiInstanceLoopCharacteristics", { isSequential: mode === "sequential" }, owner) }], bare];
}

export const FIELDS = {
  name: property("name"),
  description: {
    read: (model, element) => model.owner(element).documentation?.[0]?.text ?? "",
    write: (model, element, text) => {
      const owner = model.owner(element);
      return [[owner, { documentation: text ? [model.make("bpmn:Documentation", { text }, owner)] : [] }]];
    },
  },
  agent: attribute("agent"),
  role: attribute("role"),
  capabilities: {
    read: (model, element) => words(attribute("capabilities").read(model, element)).join(", "),
    write: (model, element, text) => attribute("capabilities").write(model, element, words(text).join(" ")),
  },
  priority: attribute("priority"),
  retries: attribute("retries"),
  timeout: attribute("timeout"),
  inputs: mapping("inputs"),
  outputs: mapping("outputs"),

  "approval.title": part("Approval", "title"),
  "approval.groups": part("Approval", "groups", { read: (given) => given ?? [], write: (names) => (names.length ? names : undefined) }),
  "approval.users": part("Approval", "users", asWords),
  "approval.required": part("Approval", "required", asNumber),
  "approval.not_requester": part("Approval", "not_requester", { read: (given) => given !== false, write: (isOn) => (isOn ? undefined : false) }),

  "approval.due": part("Approval", "due"),
  "approval.follow_up": part("Approval", "follow_up"),
  "approval.shared": {
    read: (model, element) => sharedForm(model, element),
    write: (model, element, key) => {
      const { form, ...rest } = model.json(element, "Approval");
      const kept = key || typeof form === "string" ? {} : { form };
      return [model.withJson(element, "Approval", { ...rest, ...kept, ...(key ? { form: key } : {}) })];
    },
  },

  "approval.form": {
    read: (model, element) => fromSchema(model.json(element, "Approval").form),
    write: (model, element, fields) => {
      const asked = model.json(element, "Approval");
      return [model.withJson(element, "Approval", { ...asked, form: toSchema(fields, asked.form) })];
    },
  },

  condition: expression("conditionExpression", (model, element) => element.businessObject),
  default: {
    read: (model, element) => element.businessObject.sourceRef?.default === element.businessObject,
    write: (model, element, isOn) => [
      [element.businessObject.sourceRef, { default: isOn ? element.businessObject : undefined }],
      ...(isOn ? [[element.businessObject, { conditionExpression: undefined }]] : []),
    ],
  },

  "timer.kind": { read: timerKind, write: (model, element, kind) => timer(model, element, kind, FIELDS["timer.value"].read(model, element)) },
  "timer.value": {
    read: (model, element) => model.definition(element)[TIMERS[timerKind(model, element)]]?.body ?? "",
    write: (model, element, text) => timer(model, element, timerKind(model, element), text),
  },
  "message.name": reference("Message", "name"),
  "event.key": part("Event", "key"),
  "event.payload": part("Event", "payload", asPairs),
  "event.ttl": part("Event", "ttl", asNumber),
  "signal.name": reference("Signal", "name"),
  "error.code": reference("Error", "errorCode"),
  "escalation.code": reference("Escalation", "escalationCode"),
  "event.condition": expression("condition", definition),
  "link.name": property("name", { on: definition }),
  "compensate.activity": {
    read: (model, element) => model.definition(element).activityRef?.id ?? "",
    write: (model, element, id) => [[model.definition(element), { activityRef: model.element(id)?.businessObject }]],
  },
  interrupting: {
    read: (model, element) => element.businessObject[interruption(element)] !== false,
    write: (model, element, isOn) => [[element.businessObject, { [interruption(element)]: isOn }]],
  },

  "loop.mode": { read: loopMode, write: loopAs },
  "loop.collection": part("Loop", "collection"),
  "loop.cardinality": expression("loopCardinality", loopOf),
  "loop.item": part("Loop", "item"),
  "loop.index": part("Loop", "index"),
  "loop.output": part("Loop", "output"),
  "loop.completion": expression("completionCondition", loopOf),
  "loop.while": expression("loopCondition", loopOf),
  "loop.max": {
    read: (model, element) => `${loopOf(model, element)?.loopMaximum ?? ""}`,
    write: (model, element, text) => [[loopOf(model, element), { loopMaximum: number(text) }]],
  },
  "loop.test_before": {
    read: (model, element) => loopOf(model, element)?.testBefore === true,
    write: (model, element, isOn) => [[loopOf(model, element), { testBefore: isOn }]],
  },

  "calls.key": property("calledElement"),
  "calls.version": part("Calls", "version", { ...asNumber, read: (given) => `${given ?? ""}` }),
  "calls.input": part("Calls", "input", asPairs),

  "decision.decision": part("Decision", "decision"),
  "decision.result": part("Decision", "result"),

  "scope.ordering": {
    read: (model, element) => element.businessObject.ordering ?? "Parallel",
    write: (model, element, text) => [[element.businessObject, { ordering: text }]],
  },
  "scope.completion": expression("completionCondition", (model, element) => element.businessObject),
  "scope.cancel_remaining": {
    read: (model, element) => element.businessObject.cancelRemainingInstances !== false,
    write: (model, element, isOn) => [[element.businessObject, { cancelRemainingInstances: isOn }]],
  },

  "workflow.timeout_minutes": part("Workflow", "timeout_minutes", { ...asNumber, read: (given) => `${given ?? ""}` }),
  "workflow.priority": part("Workflow", "priority", { read: (given) => given ?? "normal", write: (text) => (text === "normal" ? undefined : text) }),
  "workflow.variables": part("Workflow", "variables", asJson),
  "workflow.input_schema": part("Workflow", "input_schema", asJson),
  "workflow.retry_policy": part("Workflow", "retry_policy", asJson),
};

/** Boundary events say whether they interrupt as cancelActivity, starts of event sub-processes as isInterrupting. */
const interruption = (element) => (element.businessObject.$type === "bpmn:BoundaryEvent" ? "cancelActivity" : "isInterrupting");

/** Which of the groups that stand under a condition an element has: `data-when` in the template. */
export const CONDITIONS = {
  drawn_form: (model, element) => sharedForm(model, element) === "",
  timer: (model, element) => eventOf(element) === "timer",
  message: (model, element) => eventOf(element) === "message",
  signal: (model, element) => eventOf(element) === "signal",
  error: (model, element) => eventOf(element) === "error",
  escalation: (model, element) => eventOf(element) === "escalation",
  conditional: (model, element) => eventOf(element) === "conditional",
  link: (model, element) => eventOf(element) === "link",
  compensate: (model, element) => eventOf(element) === "compensate",
  sends: (model, element) => ["bpmn:IntermediateThrowEvent", "bpmn:EndEvent", "bpmn:SendTask"].includes(element.businessObject.$type),
  waits: (model, element) => !CONDITIONS.sends(model, element),
  payload: (model, element) => CONDITIONS.sends(model, element) && ["message", "signal"].includes(eventOf(element)),
  interrupts: (model, element) => {
    const object = element.businessObject;
    if (object.$type === "bpmn:BoundaryEvent") return !["error", "cancel", "compensate"].includes(eventOf(element));
    return object.$type === "bpmn:StartEvent" && object.$parent?.triggeredByEvent === true && eventOf(element) !== "error";
  },
  instances: (model, element) => ["parallel", "sequential"].includes(loopMode(model, element)),
  standard: (model, element) => loopMode(model, element) === "standard",
  adhoc: (model, element) => element.businessObject.$type === "bpmn:AdHocSubProcess",
  choice: (model, element) => {
    const source = element.businessObject.sourceRef?.$type ?? "";
    return !["bpmn:ParallelGateway", "bpmn:EventBasedGateway"].includes(source);
  },
  not_default: (model, element) => !FIELDS.default.read(model, element),
  several: (model, element) => (element.businessObject.sourceRef?.outgoing?.length ?? 0) > 1,
};
