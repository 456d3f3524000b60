// The draft is saved by itself, a moment after the last change. Who saves over somebody else's change is
// told; until they have said what to do, their own work stays in the page and in the browser.
import { csrfToken } from "../dom.js";

const WAITS = 800;
const AGAIN = 4000; // when the server cannot be reached
const LOST = { 403: "forbidden", 404: "gone" }; // trying again would not help

export class Draft {
  #timer = 0;
  #saving = null;
  #saved; // the change that the server has, as `#changes` counted it
  #changes = 0;
  #conflict = null;
  #isUnsent = false; // what was sent last has not been taken, and might be now

  /** told: { status(name), saved(answer), conflict(answer), refused(answer), kept(xml): not saved, for a conflict } */
  constructor({ url, key, serialize, told }) {
    Object.assign(this, { url, revision: null, serialize, told });
    this.place = `signalbox-draft:${key}`;
    this.#saved = this.#changes;
    addEventListener("beforeunload", (event) => this.isDirty && event.preventDefault());
    addEventListener("online", () => this.#retry());
    addEventListener("focus", () => this.#retry()); // perhaps from the tab where one has logged in
    document.addEventListener("visibilitychange", () => document.hidden || this.#retry());
  }

  get isDirty() {
    return this.#saved !== this.#changes;
  }

  get isInConflict() {
    return this.#conflict !== null;
  }

  changed() {
    this.#changes += 1;
    this.told.status(this.isInConflict ? "conflict" : "changed");
    this.#soon(WAITS);
  }

  /** Saved now; false when that is not possible. */
  async flush() {
    clearTimeout(this.#timer);
    await this.#save();
    return !this.isDirty;
  }

  /** Theirs has been taken, or is to be replaced: from here on, with this revision. */
  resolve(revision, { isDirty }) {
    this.#conflict = null;
    this.revision = revision;
    clearTimeout(this.#timer);
    if (isDirty) this.changed();
    else this.#isAsSaved(this.#changes);
  }

  /** Work of this workflow that was left in the browser unsaved: { xml, revision, at } or null. */
  left() {
    try {
      return JSON.parse(localStorage.getItem(this.place));
    } catch {
      return null;
    }
  }

  forget() {
    try {
      localStorage.removeItem(this.place);
    } catch { /* nothing was kept */ }
  }

  #soon(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), wait);
  }

  #retry() {
    if (this.#isUnsent) this.#soon(0);
  }

  /** One at a time: two with the same revision would look like two people to the server. */
  async #save() {
    while (this.#saving) await this.#saving.catch(() => {}); // who has sent it hears of it
    if (!this.isDirty) return;
    this.#saving = this.#send();
    try {
      await this.#saving;
    } finally {
      this.#saving = null;
    }
  }

  async #send() {
    const change = this.#changes;
    const xml = await this.serialize();
    this.#keep(xml);
    if (this.isInConflict) return this.told.kept(xml);
    this.told.status("saving");
    const answer = await post(this.url, { xml, revision: this.revision });
    this.#isUnsent = ![200, 409, 422].includes(answer.status);
    if (answer.status === 200) return this.#done(answer, change);
    if (answer.status === 409 && answer.revision !== undefined) {
      this.#conflict = answer;
      this.told.status("conflict");
      return this.told.conflict(answer);
    }
    if (answer.status === 422) {
      this.told.status("refused");
      return this.told.refused(answer);
    }
    this.told.status(answer.status === 401 ? "out" : LOST[answer.status] ?? "offline");
    if (answer.status !== 401 && !LOST[answer.status]) this.#soon(AGAIN);
  }

  #done(answer, change) {
    this.revision = answer.revision;
    if (change === this.#changes) this.#isAsSaved(change);
    else this.#soon(WAITS);
    this.told.saved(answer);
  }

  #isAsSaved(change) {
    this.#saved = change;
    this.forget();
    this.told.status("saved");
  }

  #keep(xml) {
    try {
      localStorage.setItem(this.place, JSON.stringify({ xml, revision: this.revision, at: new Date().toISOString() }));
    } catch { /* full or forbidden: the page still has it */ }
  }
}

/** The server's JSON with its `status`; status 0 when it cannot be reached. */
export async function post(url, fields) {
  const body = new FormData();
  // A document is sent as a file: those may be larger than fields.
  for (const [name, value] of Object.entries(fields)) body.set(name, name === "xml" ? new Blob([value]) : value);
  try {
    const answer = await fetch(url, { method: "POST", body, headers: { "X-CSRFToken": csrfToken(), Accept: "application/json" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") return { status: 401 };
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    return { ...(isJson ? await answer.json() : {}), status: answer.status };
  } catch {
    return { status: 0 };
  }
}

/** Gives a text to the person as a file. */
export function hand(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/xml" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}
