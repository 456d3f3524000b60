// Every request that writes carries the CSRF token of now, not that of when the page was made: whoever has
// logged in again in another tab sends what is typed here.
import { csrfToken } from "./dom.js";

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb === "get") return;
  detail.headers["X-CSRFToken"] = csrfToken();
  if (detail.parameters.csrfmiddlewaretoken) detail.parameters.csrfmiddlewaretoken = csrfToken();
});
document.addEventListener("submit", ({ target }) => {
  const field = target.elements.namedItem("csrfmiddlewaretoken");
  if (field) field.value = csrfToken();
}, true);
