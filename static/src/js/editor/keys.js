// What is drawn here gets its key from its first name: "Check stock" is check_stock, as a person would call it.
const NAMED = ["element.updateLabel", "element.updateProperties"].map((command) => `commandStack.${command}.postExecute`);
const LONGEST = 60;

export class Keys {
  static $inject = ["eventBus", "modeling", "elementRegistry", "moddle"];

  constructor(eventBus, modeling, elementRegistry, moddle) {
    const drawn = new WeakSet(); // elements without a name of their own yet
    eventBus.on("commandStack.shape.create.postExecuted", ({ context }) => drawn.add(context.shape));
    eventBus.on("commandStack.shape.replace.postExecute", ({ context }) => {
      if (!drawn.has(context.oldShape)) drawn.delete(context.newShape); // of another kind now, and the same step
    });
    eventBus.on(NAMED, ({ context }) => {
      const element = context.element.labelTarget ?? context.element;
      const name = element.businessObject?.name;
      if (!drawn.has(element) || !name || !element.parent) return;
      const id = free(slug(name), (key) => elementRegistry.get(key) || moddle.ids.assigned(key));
      if (!id) return;
      drawn.delete(element);
      modeling.updateProperties(element, { id });
    });
  }
}

function slug(name) {
  const words = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const key = words.join("_").slice(0, LONGEST);
  return /^[a-z]/.test(key) ? key : "";
}

function free(key, isTaken) {
  if (!key || !isTaken(key)) return key;
  for (let number = 2; ; number += 1) if (!isTaken(`${key}_${number}`)) return `${key}_${number}`;
}
