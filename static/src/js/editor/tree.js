// The diagram once more as a tree, in the order of its flows: the same selection, the same edits, no mouse.
import { all, one } from "../dom.js";
import { icon } from "../bpmn-canvas.js";
import { eventOf, isNode, kindOf, nameOf } from "./model.js";

const ICONS = {
  agent: "bot",
  human: "user",
  decision: "scroll-text",
  call: "workflow",
  scope: "boxes",
  pass: "braces",
  start: "play",
  end: "circle-slash",
  exclusive: "x",
  parallel: "plus",
  inclusive: "circle-dashed",
  event_gateway: "zap",
  catch: "clock",
  throw: "zap",
  boundary: "clock",
  flow: "arrow-right",
};
const EVENT_ICONS = { timer: "timer", message: "mail", signal: "zap", error: "triangle-alert", escalation: "arrow-up", compensate: "history", conditional: "circle-question-mark", link: "arrow-right", terminate: "ban" };

export class Tree {
  #open = new Map(); // id → whether its children are shown, where somebody has said so
  #settled = null; // the item that can be tabbed to
  #drawn = new Map(); // id → [what its line says, the line]: what has not changed is not made anew

  constructor(model, root, { onPick, onEnter, onKey }) {
    Object.assign(this, { model, root, onPick, onEnter, onKey, problems: new Map(), selected: null });
    this.labels = JSON.parse(root.dataset.texts);
    root.addEventListener("click", (event) => this.#click(event));
    root.addEventListener("dblclick", (event) => event.target.closest("[role=treeitem]") && this.onEnter());
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("focusin", (event) => this.#focused(event.target.closest("[role=treeitem]")));
  }

  draw() {
    const hadFocus = this.root.contains(document.activeElement);
    put(this.root, this.#scope(this.model.top(), 1));
    this.#settle();
    if (hadFocus) this.#current()?.focus();
  }

  /** Which element is selected; with `focus` the keyboard goes there, too. */
  select(id, { focus = false } = {}) {
    this.selected = id;
    this.#settle();
    const item = this.#item(id);
    if (item) for (let up = item.parentElement?.closest("[role=treeitem]"); up; up = up.parentElement.closest("[role=treeitem]")) this.#expand(up, true);
    item?.scrollIntoView({ block: "nearest" });
    if (focus) item?.focus();
  }

  /** problems: the worst of each element, by id: "problem" or "note". */
  mark(problems) {
    const before = this.problems;
    this.problems = problems;
    for (const id of new Set([...before.keys(), ...problems.keys()])) {
      if (before.get(id) !== problems.get(id) && this.#item(id)) this.#mark(this.#item(id));
    }
  }

  #scope(parent, level) {
    const children = this.model.inside(parent);
    const nodes = inOrder(children.filter((each) => isNode(each) && kindOf(each) !== "boundary"));
    const inside = nodes.map((node) => this.#node(node, level));
    const pools = children.filter((each) => each.businessObject?.$type === "bpmn:Participant");
    return [...inside, ...pools.flatMap((pool) => this.#scope(pool, level))];
  }

  #node(node, level) {
    const flows = (node.outgoing ?? []).filter((flow) => kindOf(flow) === "flow");
    const below = [
      ...this.#scope(node, level + 1),
      ...(node.attachers ?? []).filter(isNode).map((event) => this.#node(event, level + 1)),
      ...flows.map((flow) => this.#leaf(flow, level + 1, this.#way(flow))),
    ];
    const isTelling = flows.length > 1 || below.length > flows.length || flows.some((flow) => flow.businessObject.conditionExpression);
    return this.#leaf(node, level, this.#name(node), below, isTelling);
  }

  /** Events and gateways without a name are called by their kind, tasks by their key. */
  #name(node) {
    const isStep = Boolean(node.businessObject.$instanceOf("bpmn:Activity"));
    return node.businessObject.name || isStep ? nameOf(node) : this.#kind(node);
  }

  #kind(node) {
    const [event, kind] = [eventOf(node), kindOf(node)];
    return ["start", "end"].includes(kind) ? this.labels[kind] : this.labels[event] ?? this.labels[kind] ?? "";
  }

  #way(flow) {
    const object = flow.businessObject;
    const condition = object.conditionExpression?.body;
    const isDefault = object.sourceRef?.default === object;
    const told = object.name ? `“${object.name}”` : condition && `${this.labels.when} ${condition}`;
    const said = [`${this.labels.to} ${this.#name(flow.target)}`, told, isDefault && this.labels.otherwise];
    return said.filter(Boolean).join(" ");
  }

  #leaf(element, level, text, below = [], isOpen = false) {
    const kind = kindOf(element);
    const said = [level, kind, kind === "flow" ? "" : this.#kind(element), text].join("|");
    const [before, known] = this.#drawn.get(element.id) ?? [];
    if (before === said && isAsBefore(known, below)) return known;
    const item = document.createElement("li");
    this.#drawn.set(element.id, [said, item]);
    item.setAttribute("role", "treeitem");
    item.setAttribute("aria-level", level);
    item.dataset.id = element.id;
    item.tabIndex = -1;
    item.setAttribute("aria-selected", "false");
    item.id = `tree-${element.id}`;
    item.append(this.#line(element, kind, text, below.length));
    this.#mark(item);
    if (!below.length) return item;
    item.setAttribute("aria-expanded", String(this.#open.get(element.id) ?? isOpen));
    const group = document.createElement("ul");
    group.setAttribute("role", "group");
    group.append(...below);
    item.append(group);
    return item;
  }

  #line(element, kind, text, hasMore) {
    const line = document.createElement("span");
    line.className = "tree-line";
    line.dataset.kind = kind;
    const turn = document.createElement("span");
    turn.className = "tree-turn";
    if (hasMore) turn.append(icon("chevron-right"));
    const name = Object.assign(document.createElement("span"), { className: "tree-name", textContent: text, title: text });
    const sub = Object.assign(document.createElement("span"), { className: "tree-kind", textContent: kind === "flow" ? "" : this.#kind(element) });
    if (sub.textContent === text) sub.textContent = "";
    const count = Object.assign(document.createElement("span"), { className: "tree-problems", hidden: true });
    line.append(turn, icon(EVENT_ICONS[eventOf(element)] ?? ICONS[kind] ?? "info"), name, sub, count);
    return line;
  }

  #mark(item) {
    const severity = this.problems.get(item.dataset.id);
    const place = one(".tree-problems", item);
    place.hidden = !severity;
    place.dataset.severity = severity ?? "";
    place.replaceChildren(icon("triangle-alert"), Object.assign(document.createElement("span"), { className: "vh", textContent: this.labels.problem }));
  }

  /** One item can be tabbed to: the selected one, else the first. */
  #settle() {
    const current = this.#current();
    if (this.#settled && this.#settled !== current) {
      this.#settled.setAttribute("aria-selected", "false");
      this.#settled.tabIndex = -1;
    }
    this.#settled = current;
    if (!current) return;
    current.tabIndex = 0;
    current.setAttribute("aria-selected", String(current.dataset.id === this.selected));
  }

  #current() {
    return this.#item(this.selected) ?? one("[role=treeitem]", this.root);
  }

  #item(id) {
    return id ? one(`[data-id="${CSS.escape(id)}"]`, this.root) : null;
  }

  #shown() {
    return all("[role=treeitem]", this.root).filter((item) => !item.parentElement.closest("[aria-expanded=false]"));
  }

  #expand(item, isOpen) {
    if (!item?.hasAttribute("aria-expanded")) return;
    item.setAttribute("aria-expanded", String(isOpen));
    this.#open.set(item.dataset.id, isOpen);
  }

  #click(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item) return;
    if (event.target.closest(".tree-turn")) return this.#expand(item, item.getAttribute("aria-expanded") !== "true");
    this.onPick(item.dataset.id);
    item.focus();
  }

  /** What the keyboard is on is what is selected. */
  #focused(item) {
    if (item && item.dataset.id !== this.selected) this.onPick(item.dataset.id);
  }

  #key(event) {
    const item = event.target.closest("[role=treeitem]");
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const shown = this.#shown();
    const at = shown.indexOf(item);
    const isOpen = item.getAttribute("aria-expanded");
    const moves = {
      ArrowDown: () => shown[at + 1],
      ArrowUp: () => shown[at - 1],
      Home: () => shown[0],
      End: () => shown.at(-1),
      ArrowRight: () => (isOpen === "false" ? this.#expand(item, true) : isOpen === "true" ? one("[role=treeitem]", item) : null),
      ArrowLeft: () => (isOpen === "true" ? this.#expand(item, false) : item.parentElement.closest("[role=treeitem]")),
      Enter: () => this.onEnter(),
    };
    const isOurs = Object.hasOwn(moves, event.key);
    if (isOurs) {
      const next = moves[event.key]();
      if (next) this.#go(next);
    }
    if (isOurs || this.onKey(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  #go(item) {
    this.onPick(item.dataset.id);
    this.#item(item.dataset.id)?.focus();
  }
}

/** Whether an item has exactly these items below it already. */
function isAsBefore(item, below) {
  return isSame(item.querySelector(":scope > [role=group]")?.children ?? [], below);
}

const isSame = (now, wanted) => now.length === wanted.length && wanted.every((each, at) => each === now[at]);

/** Makes these the children; those that stay are not touched, for each costs the browser a layout. */
function put(parent, wanted) {
  const staying = new Set(wanted);
  for (const child of [...parent.children]) if (!staying.has(child)) child.remove();
  wanted.forEach((each, at) => parent.children[at] !== each && parent.insertBefore(each, parent.children[at] ?? null));
}

/** Each after what leads to it; in a circle what is reached first, and else as it stands from left to right. */
function inOrder(nodes) {
  const byPlace = [...nodes].sort((a, b) => a.x - b.x || a.y - b.y);
  const within = new Set(nodes);
  const sources = (node) => (node.incoming ?? []).map((flow) => flow.source?.host ?? flow.source).filter((source) => within.has(source));
  const missing = new Map(nodes.map((node) => [node, sources(node).length]));
  const seen = new Set();
  const ready = byPlace.filter((node) => !missing.get(node));
  const next = () => ready.shift() ?? byPlace.find((node) => !seen.has(node) && sources(node).some((each) => seen.has(each))) ?? byPlace.find((node) => !seen.has(node));
  while (seen.size < nodes.length) {
    const node = next();
    if (seen.has(node)) continue;
    seen.add(node);
    const ways = [node, ...(node.attachers ?? [])].flatMap((each) => each.outgoing ?? []);
    for (const { target } of ways.filter((flow) => within.has(flow.target))) {
      missing.set(target, missing.get(target) - 1);
      if (!missing.get(target)) ready.push(target);
    }
  }
  return [...seen];
}
