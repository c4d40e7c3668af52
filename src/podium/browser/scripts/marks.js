// Marks that the viewer sets: kept in this browser for this competition and these labels, and written as a table.

const MARK_NAMES = { label_wrong: "label wrong", exclude: "exclude", look_again: "look again" };
const MARKS_KEY = `podium marks ${data.competition} ${data.key}`;
// By id: { mark, label (the right class, -1: none), note, before (the name of the class when it was marked) }. A page that
// shows a choice of the images keeps the marks of the others.
const marks = new Map();
const undoable = [];
let isKept = true;

function readMarks() {
  try {
    localStorage.setItem("podium try", "");
    localStorage.removeItem("podium try");
    const kept = JSON.parse(localStorage.getItem(MARKS_KEY) ?? "{}");
    for (const [id, { mark, className, note, before = "" }] of Object.entries(kept)) {
      const label = mark === "label_wrong" ? data.classNames.indexOf(className) : -1;
      if (Object.hasOwn(MARK_NAMES, mark) && (mark !== "label_wrong" || label >= 0)) marks.set(id, { mark, label, note: String(note), before: String(before) });
    }
  } catch {
    isKept = false;
  }
}

function keepMarks() {
  const kept = {};
  for (const [id, { mark, label, note, before }] of marks) {
    kept[id] = { mark, className: label >= 0 ? data.classNames[label] : "", note, before };
  }
  try {
    localStorage.setItem(MARKS_KEY, JSON.stringify(kept));
  } catch {
    isKept = false;
  }
}

function findMark(row) {
  return marks.get(data.ids[row]);
}

// List the ids with marks: images of this page in their order, then the others.
function listMarked() {
  const absent = [...marks.keys()].filter((id) => !rowOfId.has(id));
  return [...data.ids.filter((id) => marks.has(id)), ...absent.sort()];
}

// Set the mark of an image of this page.
function setMark(row, { mark, label, note }) {
  const before = images.label[row] >= 0 ? nameClass(images.label[row]) : "";
  changeMark(data.ids[row], { mark, label, note, before });
}

// Set the mark of any image, or take it away (null); every change can be undone.
function changeMark(id, mark) {
  undoable.push([id, marks.get(id) ?? null]);
  putMark(id, mark);
  tell(mark ? `${id}: ${wordMark(mark)}` : `${id}: no mark`);
}

function putMark(id, mark) {
  if (mark) marks.set(id, mark);
  else marks.delete(id);
  keepMarks();
  for (const listener of listeners) listener(new Set(["marks"]));
}

function undoMark() {
  const last = undoable.pop();
  if (!last) return tell("nothing to undo");
  putMark(...last);
  return tell(`undone: ${last[0]}`);
}

function forgetMarks() {
  undoable.push(...marks);
  marks.clear();
  keepMarks();
  for (const listener of listeners) listener(new Set(["marks"]));
}

function wordMark({ mark, label }) {
  return mark === "label_wrong" ? `label wrong → ${nameClass(label)}` : MARK_NAMES[mark];
}

// The class that a wrong label most likely should be; -1 where nothing speaks for another one.
function guessLabel(row) {
  const suggested = images.suggested[row];
  if (suggested >= 0 && suggested !== images.label[row]) return suggested;
  const said = predictedOf(row);
  return said >= 0 && said !== images.label[row] ? said : -1;
}

// The organisers score the test part: it can be looked at again, but not changed.
function mayMark(row, mark) {
  return mark === "look_again" || mark === "" || (images.isTest[row] === 0 && images.label[row] >= 0);
}

// Mark as asked; returns false where the right class has to be chosen first.
function markImage(row, mark) {
  if (!mayMark(row, mark)) {
    tell("a test image can be looked at again; only training images change");
    return true;
  }
  const before = findMark(row);
  if (mark === "") {
    if (before) changeMark(data.ids[row], null);
    return true;
  }
  const note = before?.note ?? "";
  if (mark !== "label_wrong") {
    setMark(row, { mark, label: -1, note });
    return true;
  }
  const label = before?.mark === "label_wrong" ? before.label : guessLabel(row);
  if (label < 0) return false;
  setMark(row, { mark, label, note });
  return true;
}

function quoteField(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// The table as RFC 4180 has it, in the order of images; those that this page does not show come last.
function writeMarks() {
  const lines = [["image_id", "mark", "class_name", "class_before", "note"]];
  for (const id of listMarked()) {
    const { mark, label, note, before } = marks.get(id);
    lines.push([id, mark, mark === "label_wrong" ? nameClass(label) : "", before, note]);
  }
  return lines.map((fields) => `${fields.map(quoteField).join(",")}\r\n`).join("");
}

function downloadMarks() {
  const url = URL.createObjectURL(new Blob([writeMarks()], { type: "text/csv;charset=utf-8" }));
  const link = make("a", { href: url, download: `${data.competition.replace(/[\\/:*?"<>|]/g, "_")}_marks.csv` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

let toldUntil = 0;
function tell(text) {
  const line = byId("podium-told");
  line.textContent = text;
  line.classList.add("podium-shown");
  clearTimeout(toldUntil);
  toldUntil = setTimeout(() => line.classList.remove("podium-shown"), 2500);
}
