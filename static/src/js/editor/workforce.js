// Who could do a task: the agents that are registered now, and what is said where nobody could.
import { all, one } from "../dom.js";
import { FIELDS } from "./fields.js";
import { isNode, kindOf } from "./model.js";

export class Workforce {
  agents = null; // not known yet

  constructor(root) {
    this.root = root;
    this.texts = JSON.parse(root.dataset.workforceTexts);
  }

  async load() {
    if (!this.root.dataset.agents) return;
    try {
      const answer = await fetch(this.root.dataset.agents, { headers: { Accept: "application/json" } });
      if (answer.ok) this.agents = (await answer.json()).agents;
    } catch { /* then without suggestions */ }
    this.#offer();
  }

  /** The agents that a task's fields allow. */
  candidates({ agent, role, capabilities }) {
    if (agent) return this.agents.filter((each) => each.key === agent);
    return this.agents.filter((each) => (!role || each.role === role) && capabilities.every((name) => each.capabilities.includes(name)));
  }

  /** In one sentence who may do the task; with `isFlaw` when that wants a look. */
  told(model, element) {
    if (!this.agents || kindOf(element) !== "agent") return null;
    const wanted = wishes(model, element);
    const found = this.candidates(wanted);
    const active = found.filter((each) => each.is_active);
    const names = active.map((each) => each.name).join(", ");
    if (wanted.agent && !found.length) return this.#flaw("unknown", wanted.agent);
    if (!wanted.agent && !wanted.role && !wanted.capabilities.length) return { ...this.#flaw("anyone", ""), isNews: false }; // the server says so
    if (!active.length) return this.#flaw(found.length ? "asleep" : "nobody", found.map((each) => each.name).join(", "));
    return { isFlaw: false, text: this.texts.can.replace("{who}", names) };
  }

  /** Notes for the list of problems: they keep nothing from being published. */
  notes(model) {
    if (!this.agents) return [];
    const tasks = model.service("elementRegistry").filter((each) => isNode(each) && kindOf(each) === "agent");
    return tasks.flatMap((task) => {
      const told = this.told(model, task);
      return told?.isFlaw && told.isNews ? [{ element: task.id, field: "agent", message: told.text, severity: "note" }] : [];
    });
  }

  #flaw(name, subject) {
    return { isFlaw: true, isNews: true, text: this.texts[name].replace("{who}", subject) };
  }

  #offer() {
    const agents = this.agents ?? [];
    for (const select of all('select[data-field="agent"]', this.root)) {
      for (const each of agents) if (![...select.options].some((option) => option.value === each.key)) select.add(new Option(`${each.name} (${each.key})`, each.key));
    }
    const known = [...new Set(agents.flatMap((each) => each.capabilities))].sort();
    one("#known-capabilities", this.root)?.replaceChildren(...known.map((name) => new Option(name, name)));
  }
}

function wishes(model, element) {
  const read = (name) => FIELDS[name].read(model, element);
  return { agent: read("agent"), role: read("role"), capabilities: read("capabilities").split(/[\s,]+/).filter(Boolean) };
}
