// The board, the tree, the properties and the problems around one model; whatever changes it is saved.
import { describe, fit, READABLE } from "../bpmn-canvas.js";
import { fontsReady } from "../bpmn-look.js";
import { all, one, onClick } from "../dom.js";
import { expressionChecks } from "./checks.js";
import { ask, offer } from "./dialogs.js";
import { Draft, hand, post } from "./draft.js";
import { drawingBoard } from "./drawing.js";
import { add, canLead, connect, remove, targets } from "./edits.js";
import { isNode, kindOf, Model, nameOf } from "./model.js";
import { Panel } from "./panel.js";
import { Problems } from "./problems.js";
import { Tree } from "./tree.js";
import { views } from "./views.js";
import { Workforce } from "./workforce.js";

export class Editor {
  #selected = null; // the element; null: the workflow itself
  #shown = 0; // how often something has been
  #drawing = 0;
  #serverProblems = [];
  #mustLook = false;
  #save = "saved"; // how far the draft says that it is saved

  constructor(root) {
    this.root = root;
    this.mayEdit = root.dataset.mayEdit !== undefined;
    this.paper = one("#paper", root);
    this.board = drawingBoard(this.paper, { mayEdit: this.mayEdit });
    this.model = new Model(this.board);
    const onPick = (id) => this.pick(id);
    this.panel = new Panel(this.model, one("#panel"), { mayEdit: this.mayEdit, onPick: (element) => this.pick(element.id), onTyping: () => this.#status() });
    this.tree = new Tree(this.model, one("#tree"), { onPick: (id) => this.pick(id, { reveal: true }), onEnter: () => this.toPanel(), onKey: (key) => this.#onTreeKey(key) });
    this.problems = new Problems(this.model, one("#problems"), { onPick: (id) => this.pick(id, { reveal: true, enter: true }) });
    this.workforce = new Workforce(root);
    this.views = views(root);
    addEventListener("beforeunload", () => this.panel.flush()); // before the draft says whether all is saved
    this.draft = new Draft({
      url: root.dataset.save,
      key: root.dataset.key,
      serialize: () => this.xml(),
      told: { status: (name) => this.#status(name), saved: (answer) => this.#saved(answer), conflict: (answer) => this.#conflict(answer), refused: (answer) => this.#told(answer.problems), kept: (xml) => this.#check(xml) },
    });
  }

  async open() {
    describe(this.paper, this.root.dataset.label);
    this.#listenToOthers();
    await fontsReady();
    const workforce = this.workforce.load();
    const draft = await this.#theirs();
    if (!draft) return;
    this.draft.revision = draft.revision;
    await this.show(draft.xml);
    this.#listen();
    await workforce;
    this.#told(draft.problems);
    this.root.dataset.ready = "";
    if (this.#mustLook) this.#look();
    await this.#offerLeft();
  }

  /** Puts a document on the board; what cannot be drawn is said, and the board stays as it is. */
  async show(xml) {
    await this.board.importXML(xml);
    fit(this.model.service("canvas"), { left: this.#covered(), least: READABLE });
    this.pick(null);
    this.tree.draw();
  }

  async xml() {
    const { xml } = await this.board.saveXML({ format: true });
    return xml;
  }

  /** Selects an element on the board, in the tree and in the panel; null: the workflow. */
  pick(id, { reveal = false, enter = false } = {}) {
    const element = id ? this.model.element(id) : null;
    const selection = this.model.service("selection");
    if (element) this.model.turnTo(element);
    const shown = this.#shown;
    if (!selection.isSelected(element) || !element) selection.select(element ? [element] : []);
    if (element && reveal) this.model.service("canvas").scrollToElement(element, 80);
    if (shown === this.#shown || this.#selected !== element) this.#show(element); // else the selection has shown it
    if (enter) this.toPanel();
  }

  /** The keyboard goes into the panel; on a phone it opens. */
  toPanel() {
    this.views.openSheet();
    all("#panel :is(input, select, textarea)").find((field) => field.offsetParent && !field.disabled)?.focus();
  }

  async add() {
    const source = this.#selected && canLead(this.#selected) ? this.#selected : null;
    const said = await ask("#add-dialog", (form, dialog) => {
      one("[data-after]", dialog).textContent = source ? nameOf(source) : "";
      one("[data-after-line]", dialog).hidden = !source;
      for (const option of all("[data-edge]", form)) option.hidden = option.disabled = !source || !["agent", "human", "call", "scope", "decision"].includes(kindOf(source));
    });
    if (!said) return;
    const shape = this.model.edit(() => add(this.model, source, said.what, said.name.trim()));
    this.tree.draw();
    this.pick(shape.id, { reveal: true });
    this.tree.select(shape.id, { focus: true });
  }

  async connect() {
    const source = this.#selected;
    const found = source ? targets(this.model, source) : [];
    if (!found.length) return;
    const said = await ask("#connect-dialog", (form, dialog) => {
      one("[data-from]", dialog).textContent = nameOf(source);
      offer(form.elements.target, found.map((each) => [each.id, nameOf(each)]));
    });
    if (!said) return;
    const flow = this.model.edit(() => connect(this.model, source, this.model.element(said.target)));
    this.tree.draw();
    this.pick(flow.id);
    this.tree.select(flow.id, { focus: true });
  }

  remove() {
    const element = this.#selected;
    if (!element) return;
    const next = element.outgoing?.[0]?.target ?? element.incoming?.[0]?.source ?? element.source;
    this.model.edit(() => remove(this.model, element));
    this.tree.draw();
    const id = next && this.model.element(next.id) ? next.id : null;
    this.pick(id);
    this.tree.select(id, { focus: true });
  }

  rename() {
    if (!this.#selected) return;
    this.views.openSheet();
    const field = one('#panel [data-field="name"]');
    field.focus();
    field.select();
  }

  async publish(button) {
    this.panel.flush();
    if (!(await this.draft.flush())) return;
    window.htmx.ajax("GET", `${button.dataset.publish}?revision=${this.draft.revision}`, { target: "#dialog", source: button });
  }

  undo() {
    this.model.service("commandStack").undo();
  }

  redo() {
    this.model.service("commandStack").redo();
  }

  zoom(direction) {
    const canvas = this.model.service("canvas");
    if (direction === "fit") return fit(canvas, { left: this.#covered() });
    canvas.zoom(canvas.zoom() * (direction === "in" ? 1.2 : 1 / 1.2), "auto");
  }

  /** How much of the board the palette covers, in pixels. */
  #covered() {
    const palette = one(".djs-palette", this.paper);
    return palette?.offsetParent ? palette.offsetLeft + palette.offsetWidth : 0;
  }

  #listen() {
    this.board.on("selection.changed", ({ newSelection }) => this.#show(newSelection.length === 1 ? newSelection[0].labelTarget ?? newSelection[0] : null));
    this.board.on("element.click", ({ element }) => element.parent && this.views.openSheet());
    this.board.on("commandStack.changed", () => this.#changed());
    onClick("[data-do]", (button) => this[button.dataset.do](button));
    onClick("[data-editor-zoom]", (button) => this.zoom(button.dataset.editorZoom));
    this.root.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("dialog-done", () => this.root.dispatchEvent(new CustomEvent("published")));
    expressionChecks(one("#panel"), this.root.dataset.check);
  }

  /** From before the draft is asked for: what is told until it is shown is looked for then. */
  #listenToOthers() {
    document.addEventListener("signalbox:changed", ({ detail }) => detail.topics?.includes("workflows") && this.#look());
    document.addEventListener("signalbox:resync", () => this.#look());
  }

  #changed() {
    const stack = this.model.service("commandStack");
    if (this.mayEdit) {
      one('[data-do="undo"]', this.root).disabled = !stack.canUndo();
      one('[data-do="redo"]', this.root).disabled = !stack.canRedo();
    }
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => {
      if (this.#selected && !this.model.element(this.#selected.id)) this.pick(null);
      this.tree.selected = this.#selected?.id ?? null; // a key may have changed
      this.tree.draw();
      this.panel.refresh();
      this.#tellProblems();
    });
    if (this.mayEdit) this.draft.changed();
  }

  #show(element) {
    this.#shown += 1;
    this.#selected = element;
    const shown = element ?? this.model.service("canvas").getRootElement();
    this.panel.show(shown);
    this.tree.select(element?.id ?? null);
    const told = element ? this.workforce.told(this.model, element) : null;
    const place = one("#who-can");
    if (place) {
      place.textContent = told?.text ?? "";
      place.dataset.flaw = told?.isFlaw ?? false;
    }
    for (const button of all("[data-needs]", this.root)) button.disabled = !this.#can(button.dataset.needs, element);
  }

  #can(what, element) {
    if (what === "element") return element !== null;
    if (what === "node") return element !== null && isNode(element) && targets(this.model, element).length > 0 && canLead(element);
    return true;
  }

  #saved(answer) {
    this.#told(answer.problems);
    if (this.#mustLook) this.#look();
  }

  /** The problems of a document that is not saved. */
  async #check(xml) {
    const answer = await post(this.root.dataset.problems, { xml });
    if (answer.status === 200) this.#told(answer.problems);
  }

  /** Something has happened to workflows: is there a newer draft than the one that is shown? */
  async #look() {
    this.#mustLook = this.draft.isDirty || this.root.dataset.ready === undefined; // then its being saved, or shown, finds out
    if (this.#mustLook || !one("#newer-bar").hidden) return;
    const answer = await fetch(`${this.root.dataset.state}?brief=1`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok) return;
    const { revision } = await answer.json();
    if (revision > this.draft.revision && !this.draft.isDirty) one("#newer-bar").hidden = false;
  }

  /** Shows the newer draft; nothing of one's own is given up, for everything is saved. */
  async takeNewer() {
    this.panel.flush();
    if (this.draft.isDirty) return this.draft.flush(); // which asks
    const newer = await this.#theirs();
    if (!newer) return;
    one("#newer-bar").hidden = true;
    await this.show(newer.xml);
    this.draft.resolve(newer.revision, { isDirty: false });
    this.#told(newer.problems);
  }

  /** What the server says, with what only the page knows. */
  #told(problems = []) {
    this.#serverProblems = problems;
    this.#tellProblems();
  }

  #tellProblems() {
    const problems = [...this.#serverProblems, ...this.workforce.notes(this.model)];
    this.problems.show(problems);
    this.panel.tell(problems);
    this.tree.mark(this.problems.worst());
    const count = this.problems.blocking;
    for (const place of all("[data-problem-count]")) {
      place.textContent = problems.length;
      place.closest("[data-has]").dataset.has = count ? "problems" : problems.length ? "notes" : "none";
    }
    one("#no-problems").hidden = problems.length > 0;
    if (this.#selected) this.#who();
  }

  #who() {
    const told = this.workforce.told(this.model, this.#selected);
    const place = one("#who-can");
    place.textContent = told?.text ?? "";
    place.dataset.flaw = told?.isFlaw ?? false;
  }

  /** What is typed and not in the diagram yet is not saved either. */
  #status(name = this.#save) {
    const place = one("#saved");
    this.#save = name;
    one("#lost-bar").hidden = name !== "forbidden" && name !== "gone";
    const shown = name === "saved" && this.panel.isTyping ? "changed" : name;
    if (place.dataset.status === shown) return;
    place.dataset.status = shown;
    place.lastElementChild.textContent = place.dataset[shown];
  }

  /** Somebody else has saved: who and what; nothing is lost, whatever is answered. */
  async #conflict(answer) {
    one("#newer-bar").hidden = true;
    one("#conflict-bar").hidden = false; // until it is settled
    const mine = await this.xml();
    const said = await ask("#conflict-dialog", (form, dialog) => {
      const list = one("[data-changes]", dialog);
      list.replaceChildren(...answer.changes.map((each) => Object.assign(document.createElement("li"), { textContent: each })));
    });
    if (said?.answer === "theirs") await this.#takeTheirs(mine);
    else if (said?.answer === "mine") await this.#keepMine();
  }

  /** The question again, from the bar that stays until it is answered. */
  async settle() {
    const answer = await post(this.root.dataset.save, { xml: await this.xml(), revision: this.draft.revision });
    if (answer.status === 409) return this.#conflict(answer);
    if (answer.status === 200) {
      this.draft.resolve(answer.revision, { isDirty: false });
      this.#told(answer.problems);
      one("#conflict-bar").hidden = true;
    }
  }

  async #takeTheirs(mine) {
    const theirs = await this.#theirs();
    if (!theirs) return;
    hand(mine, `${this.root.dataset.key}-mine.bpmn`);
    await this.show(theirs.xml);
    this.draft.resolve(theirs.revision, { isDirty: false });
    this.#told(theirs.problems);
    one("#conflict-bar").hidden = true;
  }

  async #keepMine() {
    const theirs = await this.#theirs();
    if (!theirs) return;
    hand(theirs.xml, `${this.root.dataset.key}-theirs.bpmn`);
    this.draft.resolve(theirs.revision, { isDirty: true });
    one("#conflict-bar").hidden = true;
  }

  /** The draft as the server has it; null, which is said, when it does not give it. */
  async #theirs() {
    const answer = await fetch(this.root.dataset.state, { headers: { Accept: "application/json" }, redirect: "manual" }).catch(() => null);
    const draft = answer?.ok ? await answer.json().catch(() => null) : null;
    one("#unread-bar").hidden = draft !== null;
    return draft;
  }

  async copy() {
    hand(await this.xml(), `${this.root.dataset.key}.bpmn`);
  }

  /** What was left unsaved in this browser: taken up again, or given up, as the person says. */
  async #offerLeft() {
    const left = this.mayEdit ? this.draft.left() : null;
    if (!left) return;
    const said = await ask("#left-dialog", (form, dialog) => {
      one("time", dialog).textContent = new Date(left.at).toLocaleString(document.documentElement.lang || undefined);
    });
    if (said?.answer === "restore") {
      const isNewer = left.revision !== this.draft.revision;
      await this.show(left.xml);
      if (isNewer) this.draft.revision = left.revision; // so that the server tells who was faster
      this.draft.changed();
    } else if (said?.answer === "discard") this.draft.forget();
    else hand(left.xml, `${this.root.dataset.key}-mine.bpmn`); // the next change takes its place
  }

  #key(event) {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === "s") {
      event.preventDefault();
      this.panel.flush();
      this.draft.flush();
    } else if ((event.ctrlKey || event.metaKey) && key === "z" && !event.target.closest("input, textarea, .djs-container")) {
      event.preventDefault();
      if (event.shiftKey) this.redo();
      else this.undo();
    } else if (event.key === "Escape" && event.target.closest("#panel")) {
      this.views.closeSheet();
      this.tree.select(this.#selected?.id ?? null, { focus: true });
    }
  }

  #onTreeKey(key) {
    if (!this.mayEdit) return false;
    const actions = { Delete: () => this.remove(), F2: () => this.rename(), a: () => this.add(), c: () => this.connect() };
    if (!Object.hasOwn(actions, key)) return false;
    actions[key]();
    return true;
  }
}
