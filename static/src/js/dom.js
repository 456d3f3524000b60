export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
export const language = document.documentElement.lang || "en";

/** Runs a handler for clicks on (or inside) what matches the selector, now and later. */
export function onClick(selector, handler) {
  document.addEventListener("click", (event) => {
    const target = event.target.closest(selector);
    if (target) handler(target, event);
  });
}

/** What writes is sent with. The cookie's, for it is the one that counts after a new login in another tab. */
export function csrfToken() {
  const given = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
  return given?.slice("csrftoken=".length) ?? one("meta[name=csrf-token]").content;
}
