// New readings come into the open case without a reload. Only what changed is touched: plots go on, opened tables stay.
let reading = false;

export async function refreshMeasures(present) {
  if (!present || !("measures" in present.dataset) || reading) return;
  reading = true;
  try {
    const answer = await fetch(`/incidents/${present.dataset.id}/vitals`, { signal: AbortSignal.timeout(4000) });
    if (answer.ok) adopt(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // no network: the bus says so
  } finally {
    reading = false;
  }
}

function adopt(page) {
  const [latest, fresh] = [document.getElementById("latest"), page.getElementById("latest")];
  if (!latest || !fresh) return;
  const seen = latest.querySelector('[data-key="seen"]'); // is not read again: it is of a day, not of a second
  fill(latest, [...fresh.children, ...(seen ? [seen] : [])]);
  const [series, newer] = [document.getElementById("series"), page.getElementById("series")];
  const figures = (box) => [...box.querySelectorAll("figure")];
  const keys = (box) => figures(box).map(({ dataset }) => dataset.key).join("\n");
  if (keys(series) !== keys(newer)) fill(series, [...newer.childNodes]);
  else figures(newer).forEach((figure, place) => renew(figures(series)[place], figure));
}

function fill(box, nodes) {
  const own = nodes.map((node) => (node.ownerDocument === document ? node : document.importNode(node, true)));
  if (own.map((node) => node.outerHTML).join() !== [...box.childNodes].map((node) => node.outerHTML).join()) box.replaceChildren(...own);
}

function renew(present, fresh) {
  const [plot, newer] = [present.querySelector("sw-plot"), fresh.querySelector("sw-plot")];
  if (Boolean(plot) !== Boolean(newer)) return present.replaceWith(document.importNode(fresh, true));
  for (const name of ["data-alarms", "data-points"]) {
    if (newer && newer.getAttribute(name) !== plot.getAttribute(name)) plot.setAttribute(name, newer.getAttribute(name));
  }
  for (const part of ["figcaption", "summary", "details tbody"]) {
    const [here, there] = [present.querySelector(part), fresh.querySelector(part)];
    if (here && there && here.innerHTML !== there.innerHTML) here.replaceChildren(...document.importNode(there, true).childNodes);
  }
}
