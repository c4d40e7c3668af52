// Everything by keyboard.

const IN_DETAIL = {
  j: () => step(1), arrowright: () => step(1), k: () => step(-1), arrowleft: () => step(-1), h: toggleHeat, z: undoMark,
  c: () => byId("podium-right-class").focus(), n: () => byId("podium-note").focus(),
  1: () => markOpen("label_wrong"), 2: () => markOpen("exclude"), 3: () => markOpen("look_again"), 0: () => markOpen(""),
};
const IN_GRID = {
  arrowright: () => activate(active + 1), arrowleft: () => activate(active - 1), arrowdown: () => moveDown(1), arrowup: () => moveDown(-1),
  home: () => activate(0), end: () => activate(shownRows.length - 1), pagedown: () => moveDown(rowsInSight()), pageup: () => moveDown(-rowsInSight()),
  j: () => activate(active + 1), k: () => activate(active - 1), enter: openActive, " ": openActive,
  1: () => markActive("label_wrong"), 2: () => markActive("exclude"), 3: () => markActive("look_again"), 0: () => markActive(""),
};

function rowsInSight() {
  return Math.max(1, Math.floor(grid.clientHeight / rowHeight));
}

function moveDown(by) {
  const next = active + by * columns;
  if (next >= 0 && next < shownRows.length) activate(next);
  else if (next >= shownRows.length && Math.floor(active / columns) < Math.floor((shownRows.length - 1) / columns)) activate(shownRows.length - 1);
  else if (next < 0 && active >= columns) activate(active % columns);
}

function openActive() {
  if (shownRows.length) change({ image: data.ids[shownRows[active]] });
}

function markActive(mark) {
  if (shownRows.length === 0 || markImage(shownRows[active], mark)) return;
  openActive();
  markOpen(mark);
}

function isTyping(element) {
  return element.matches?.("input:not([type=checkbox]):not([type=range]), select, textarea");
}

function pressKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  const key = event.key.toLowerCase();
  if (isTyping(event.target)) {
    // Done with a class or a note: the keys of the open image work again.
    if (key === "enter" && detail.open && detail.contains(event.target)) leaveField(event);
    if (key === "escape" && event.target === byId("podium-search")) grid.focus();
    return;
  }
  if (byId("podium-help").open || moveInMatrix(event)) return;
  const isInGrid = !detail.open && (event.target === grid || (state.view === "images" && event.target === document.body));
  const keys = detail.open ? IN_DETAIL : isInGrid ? IN_GRID : {};
  const action = keys[key] ?? { "?": openHelp, "/": openSearch, z: undoMark }[key];
  if (!action) return;
  event.preventDefault();
  action();
}

function leaveField(event) {
  event.preventDefault();
  event.target.blur();
  byId("podium-detail-name").focus();
}

function openHelp() {
  byId("podium-help").showModal();
}

function openSearch() {
  if (detail.open) return;
  change({ view: "images" });
  byId("podium-filter-box").open = true;
  byId("podium-search").focus();
}

function buildKeys() {
  document.addEventListener("keydown", pressKey);
  byId("podium-open-help").addEventListener("click", openHelp);
}
