// Keeps the picture of the play fresh, and presses a button without leaving the page.
const now = document.getElementById("now");

async function look() {
  try {
    const answer = await fetch("/now", { signal: AbortSignal.timeout(4000) });
    const text = await answer.text();
    if (answer.ok && text !== now.dataset.text && !now.contains(document.activeElement)) {
      now.innerHTML = text;
      now.dataset.text = text;
    }
  } catch {
    // the demonstration has ended, or is busy: look again
  }
  setTimeout(look, 1000);
}

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-act]")) return;
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    await fetch(event.target.action, { method: "POST", redirect: "manual" });
  } finally {
    setTimeout(() => { button.disabled = false; }, 1500);
  }
});

look();
