// After a change of page within the document: mark where we are, begin at the top, put the focus into the page.
export function startNav() {
  document.addEventListener("htmx:after:history:push", () => setTimeout(() => {
    scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  }));
  document.addEventListener("htmx:after:swap", markHere);
  document.addEventListener("click", ({ target }) => {
    const menu = document.querySelector("#nav details[open]");
    if (menu && (!menu.contains(target) || target.closest("a"))) menu.open = false;
  });
  markHere();
}

function markHere() {
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.getAttribute("href") === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
