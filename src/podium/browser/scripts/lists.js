// The list of all marks.

function showMarks() {
  byId("podium-n-marks").textContent = marks.size;
  byId("podium-forgets").hidden = isKept;
  byId("podium-download").disabled = byId("podium-forget").disabled = marks.size === 0;
  byId("podium-undo").disabled = undoable.length === 0;
  if (state.view !== "marks") return;
  const body = byId("podium-mark-table").tBodies[0];
  body.replaceChildren();
  for (const row of [...marks.keys()].sort((first, second) => first - second)) body.append(makeMarkLine(row));
  if (marks.size === 0) body.append(make("tr", {}, make("td", { colspan: 5, class: "soft" }, "No image is marked yet: open one and press 1, 2 or 3.")));
}

function makeMarkLine(row) {
  const mark = marks.get(row);
  const url = findThumbnail(row);
  const open = make("button", { type: "button", onclick: () => change({ image: data.ids[row] }) }, ...(url ? [make("img", { src: url, alt: "" }), " "] : []), data.ids[row]);
  const classes = images.label[row] >= 0 ? nameClass(images.label[row]) : "";
  return make(
    "tr", {}, make("td", {}, open), make("td", {}, MARK_NAMES[mark.mark]),
    make("td", {}, mark.mark === "label_wrong" ? `${classes} → ${nameClass(mark.label)}` : classes), make("td", {}, mark.note),
    make("td", {}, make("button", { type: "button", "aria-label": `remove the mark of ${data.ids[row]}`, onclick: () => setMark(row, null) }, "remove")),
  );
}

function buildLists() {
  byId("podium-download").addEventListener("click", downloadMarks);
  byId("podium-undo").addEventListener("click", undoMark);
  byId("podium-forget").addEventListener("click", () => {
    if (confirm(`Clear ${marks.size} marks? Undo brings them back one by one until the page is closed.`)) forgetMarks();
  });
}
