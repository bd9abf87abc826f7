// After a change of page within the document: mark where we are, begin at the top, put the focus into the page.
export function startNav() {
  document.addEventListener("htmx:after:history:push", () => setTimeout(() => {
    scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  }));
  document.addEventListener("htmx:before:swap", ({ detail }) => bringStyles(detail.ctx.text ?? ""));
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

// The head of a page is not swapped, but a page may have a style of its own.
function bringStyles(text) {
  for (const [, href] of text.matchAll(/<link rel="stylesheet" href="([^"]+)">/g)) {
    if ([...document.styleSheets].some((sheet) => sheet.href === new URL(href, location).href)) continue;
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
    document.head.append(link);
  }
}
