// Which row of the queue is meant: the one that had the focus last. It stays so while the focus is elsewhere.
export const selection = new EventTarget(); // `change`

let chosen = null;

export function startSelection() {
  document.addEventListener("focusin", ({ target }) => choose(target.closest("#rows > .case")));
  document.addEventListener("click", ({ target }) => {
    const row = target.closest("#rows > .case");
    if (row && !target.closest("a, button, input") && !getSelection().toString()) focusOn(row);
  });
  document.addEventListener("htmx:after:swap", mark);
}

export function selected() {
  const row = chosen && document.getElementById(`case-${chosen}`);
  return row && !row.hidden && !row.classList.contains("gone") ? row : null;
}

export function focusOn(row) {
  row.querySelector("a.open").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

// Rows are replaced as they change: the new one is the selected one.
export function mark() {
  const row = selected();
  for (const other of document.querySelectorAll("#rows > .selected")) if (other !== row) other.classList.remove("selected");
  row?.classList.add("selected");
}

function choose(row) {
  if (!row || row.dataset.id === chosen) return;
  chosen = row.dataset.id;
  mark();
  selection.dispatchEvent(new Event("change"));
}
