// Every htmx request that writes carries the CSRF token; the server says what went wrong, or we do.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb !== "get") detail.headers["X-CSRFToken"] = document.querySelector("meta[name=csrf-token]").content;
});
