// What the scripts say, in the operator's language.
export const words = JSON.parse(document.getElementById("words").textContent);

export function say(text, { urgent = false } = {}) {
  document.getElementById(urgent ? "say-now" : "say").textContent = text;
}
