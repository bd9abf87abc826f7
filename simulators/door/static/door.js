// Keeps the picture of the play fresh, and presses a button without leaving the page.
const now = document.getElementById("now");
const over = document.getElementById("over");
const MISSED_MOST = 5; // so many looks in a row without an answer: the demonstration has ended
let missed = 0;

function show(text) {
  // a link that has the focus gets it back
  const focused = now.contains(document.activeElement) ? document.activeElement.href : null;
  now.innerHTML = text;
  now.dataset.text = text;
  if (focused) [...now.querySelectorAll("a")].find((link) => link.href === focused)?.focus({ preventScroll: true });
}

// What is under way cannot be begun once more.
function settle() {
  const going = now.querySelector("[data-going]").dataset.going.split(" ");
  for (const form of document.querySelectorAll("[data-act]")) {
    form.querySelector("button").disabled = going.includes(form.dataset.act);
  }
}

async function look() {
  try {
    const answer = await fetch("/now", { signal: AbortSignal.timeout(4000) });
    const text = await answer.text();
    missed = 0;
    // a link that is being pressed stays under the finger
    if (answer.ok && text !== now.dataset.text && !now.matches(":active")) show(text);
    settle();
  } catch {
    missed += 1; // it has ended, or is busy: look again
  }
  over.hidden = missed < MISSED_MOST;
  setTimeout(look, 1000);
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-act]")) return;
  event.preventDefault();
  event.target.querySelector("button").disabled = true;
  fetch(event.target.action, { method: "POST", redirect: "manual" }).catch(() => {}); // the next look tells
});

look();
