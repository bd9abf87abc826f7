// What is ticked in the call script is kept at once, without moving the focus. The button stays for whoever has no
// script running, and comes back where keeping has failed.
import { words } from "./words.js";

let queue = Promise.resolve();
let ownSteps = 0;

export function startScript() {
  document.addEventListener("change", ({ target }) => {
    const form = target.closest?.("#script form");
    if (form && target.type === "radio") queue = queue.then(() => keep(form.action, target));
  });
}

// Whether the last so many steps of the case were all made here; they are counted once.
export function takeOwnSteps(count) {
  const isOwn = ownSteps > 0 && count === ownSteps;
  ownSteps = 0;
  return isOwn;
}

async function keep(address, chosen) {
  const { form, name, value } = chosen;
  tell(words.saving, false);
  const body = new URLSearchParams({ csrf: form.elements.csrf.value, command_id: freshId(), [name]: value });
  let isKept = false;
  try {
    // a redirect is the answer to an order that was carried out; the page itself is not wanted
    const answer = await fetch(address, { method: "POST", body, redirect: "manual", signal: AbortSignal.timeout(8000) });
    isKept = answer.type === "opaqueredirect";
  } catch {
    // no network: said below
  }
  tell(isKept ? words.saved : words.notSaved, !isKept);
  if (!isKept) return;
  ownSteps += 1;
  for (const field of document.querySelectorAll(`#script [name="${CSS.escape(name)}"]`)) {
    field.defaultChecked = field.value === value;
    field.closest("li").classList.add("ticked");
    field.closest("li").querySelector(".needed")?.remove();
  }
}

function tell(text, isFailed) {
  const script = document.getElementById("script");
  if (!script) return;
  script.classList.toggle("unsaved", isFailed);
  const line = script.querySelector(".saved");
  if (line) line.textContent = text;
}

// Not randomUUID: that wants HTTPS, and a centre's first day has none.
function freshId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
