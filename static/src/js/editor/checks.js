// A CEL expression is looked at by the server while it is typed: the field says at once what is wrong.
import { one } from "../dom.js";
import { post } from "./draft.js";

const WAITS = 350;

export function expressionChecks(root, url) {
  const timers = new WeakMap();
  let asked = 0;

  async function check(field) {
    const source = field.value.trim();
    if (!source) return tell(field, { status: 200, problem: "" });
    const number = ++asked;
    const answer = await post(url, { source });
    if (number === asked || field.value.trim() === source) tell(field, answer);
  }

  root.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-cel]")) return;
    clearTimeout(timers.get(target));
    timers.set(target, setTimeout(() => check(target), WAITS));
  });
  root.addEventListener("panel:shown", () => {
    for (const field of root.querySelectorAll("[data-cel]")) tell(field, { status: 200, problem: "" });
  });
}

function tell(field, { status, problem }) {
  if (status !== 200) return;
  const place = one(`#${CSS.escape(field.getAttribute("aria-describedby") ?? "")}`) ?? field.closest(".field")?.querySelector(".error");
  field.setAttribute("aria-invalid", String(Boolean(problem)));
  if (!place) return;
  place.hidden = !problem;
  place.lastChild.textContent = problem;
}
