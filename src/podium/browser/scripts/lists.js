// The list of all marks.

function showMarks() {
  byId("podium-n-marks").textContent = marks.size;
  byId("podium-forgets").hidden = isKept;
  byId("podium-download").disabled = byId("podium-forget").disabled = marks.size === 0;
  byId("podium-undo").disabled = undoable.length === 0;
  if (state.view !== "marks") return;
  const body = byId("podium-mark-table").tBodies[0];
  body.replaceChildren();
  for (const id of listMarked()) body.append(makeMarkLine(id));
  if (marks.size === 0) body.append(make("tr", {}, make("td", { colspan: 5, class: "soft" }, "No image is marked yet: open one and press 1, 2 or 3.")));
}

function makeMarkLine(id) {
  const { mark, label, note, before } = marks.get(id);
  return make(
    "tr", {}, make("td", {}, ...nameMarked(id)), make("td", {}, MARK_NAMES[mark]),
    make("td", {}, mark === "label_wrong" ? `${before} → ${nameClass(label)}` : before), make("td", {}, note),
    make("td", {}, make("button", { type: "button", "aria-label": `remove the mark of ${id}`, onclick: () => changeMark(id, null) }, "remove")),
  );
}

function nameMarked(id) {
  if (!rowOfId.has(id)) return [id, make("span", { class: "soft" }, " (not among the images of this page)")];
  const url = findThumbnail(rowOfId.get(id));
  return [make("button", { type: "button", onclick: () => change({ image: id }) }, ...(url ? [make("img", { src: url, alt: "" }), " "] : []), id)];
}

function buildLists() {
  byId("podium-download").addEventListener("click", downloadMarks);
  byId("podium-undo").addEventListener("click", undoMark);
  byId("podium-forget").addEventListener("click", () => {
    if (confirm(`Clear ${marks.size} marks? Undo brings them back one by one until the page is closed.`)) forgetMarks();
  });
}
