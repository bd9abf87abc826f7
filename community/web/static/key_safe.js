// The code of a key-safe, shown in its place on the page and hidden again by itself: after the time that the server
// says, and as soon as somebody looks at something else.
import { words } from "./words.js";

const SECOND_MS = 1000;
let timer = null;

export function startKeySafe() {
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") hide();
  });
  addEventListener("pagehide", hide);
  document.addEventListener("htmx:before:swap", hide);
  const alone = document.querySelector(".code[data-shown-s]"); // the page of the code itself
  if (alone) count(alone, alone, Number(alone.dataset.shownS));
}

async function onSubmit(event) {
  const form = event.target;
  if (!form.matches("#case form.key-safe")) return;
  event.preventDefault();
  event.stopPropagation();
  let page;
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form)), signal: AbortSignal.timeout(8000),
    });
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return form.submit(); // the browser says what is wrong
  }
  const code = page.querySelector(".code[data-shown-s]");
  if (!code) return location.assign(form.action.replace(/\/code$/, "")); // it asks for a proof first, or says why not
  hide();
  const box = document.createElement("p");
  box.className = "key-safe-code";
  box.setAttribute("role", "status");
  const [number, rest] = [document.createElement("b"), document.createElement("span")];
  number.textContent = code.querySelector("b").textContent;
  box.append(number, rest);
  form.after(box);
  count(box, rest, Number(code.dataset.shownS));
}

function count(box, line, left) {
  clearInterval(timer);
  const target = line === box ? box.appendChild(document.createElement("span")) : line;
  const tell = () => { target.textContent = ` ${words.hidesIn.replace("{n}", left)}`; };
  tell();
  timer = setInterval(() => {
    left -= 1;
    if (left > 0) tell();
    else hide();
  }, SECOND_MS);
}

function hide() {
  clearInterval(timer);
  for (const box of document.querySelectorAll(".key-safe-code, .code[data-shown-s]")) box.remove();
}
