// Passkeys: what the server asks is handed to the device, and its answer back. Without this module, or in a browser that
// knows none, nothing of passkeys is shown, and passwords go on.
//
// A button `data-passkey` logs in, proves anew who it is, or lets a colleague confirm; a form `data-passkey-form` makes a key. What is said to the
// person stands in the page, hidden, under `data-passkey-said`.
const TIMEOUT_MS = 20_000; // the server slows down who has failed often: 8 s at most
const WORK = { "log-in": logIn, prove, second };
let isAsking = false;

if (window.PublicKeyCredential && navigator.credentials) document.documentElement.classList.add("with-passkeys");

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-passkey]");
  if (button) once(button.parentElement, () => WORK[button.dataset.passkey](button));
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-passkey-form]")) return;
  event.preventDefault();
  event.stopPropagation();
  once(event.target, () => make(event.target));
}, true);

async function once(place, work) {
  if (isAsking) return;
  isAsking = true;
  say(place, "");
  try {
    say(place, await work());
  } catch (error) {
    say(place, error instanceof Refusal ? error.message : "none"); // the person went away, or the device has no such key
  } finally {
    isAsking = false;
  }
}

class Refusal extends Error {}

async function logIn(button) {
  const options = await ask("/login/passkey/ask", {});
  const answer = await sign(options);
  const { next } = await ask("/login/passkey", { answer, next: button.dataset.next });
  location.assign(next);
  return "";
}

async function prove(button) {
  const { csrf } = button.dataset;
  const options = await ask("/account/prove/ask", { csrf });
  await ask("/account/prove", { csrf, answer: await sign(options) });
  // All forms of the page are proved with this one.
  for (const input of document.querySelectorAll("input[name=proof]")) input.required = false;
  button.hidden = true;
  return "done";
}

// What stands for the colleague's password is good once, at this screen and for this case.
async function second(button) {
  const { form } = button;
  const { csrf } = button.dataset;
  const address = `/incidents/${button.dataset.case}/second`;
  const colleague = form.elements.second.value;
  if (!colleague) throw new Refusal("nobody");
  const options = await ask(`${address}/ask`, { csrf, second: colleague });
  const { proof } = await ask(address, { csrf, second: colleague, answer: await sign(options) });
  form.elements.second_proof.value = proof;
  return "done";
}

async function make(form) {
  const { csrf } = form.dataset;
  const options = await ask("/account/passkeys/ask", { csrf, proof: form.elements.proof?.value ?? "" });
  const { next } = await ask("/account/passkeys", { csrf, name: form.elements.name.value, answer: await create(options) });
  location.assign(next);
  return "";
}

async function ask(address, told) {
  let answer;
  try {
    answer = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(told),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Refusal("refused");
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(found.problem ?? "refused");
  return found;
}

async function sign(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) };
  const { id, rawId, type, response } = await navigator.credentials.get({ publicKey });
  return JSON.stringify({
    id,
    rawId: letters(rawId),
    type,
    response: {
      clientDataJSON: letters(response.clientDataJSON),
      authenticatorData: letters(response.authenticatorData),
      signature: letters(response.signature),
      userHandle: response.userHandle ? letters(response.userHandle) : null,
    },
  });
}

async function create(options) {
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  };
  const { id, rawId, type, response } = await navigator.credentials.create({ publicKey });
  return JSON.stringify({
    id,
    rawId: letters(rawId),
    type,
    response: {
      clientDataJSON: letters(response.clientDataJSON),
      attestationObject: letters(response.attestationObject),
    },
  });
}

function named(credentials = []) {
  return credentials.map((one) => ({ ...one, id: bytes(one.id) }));
}

function bytes(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
}

function letters(buffer) {
  const text = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function say(place, word) {
  for (const said of place.querySelectorAll("[data-passkey-said]")) said.hidden = said.dataset.passkeySaid !== word;
}
