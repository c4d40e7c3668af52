// Which images are shown, and in which order.

// The class that the prediction is held against: the true one, or another member's.
function referenceOf(row) {
  return state.reference < 0 ? images.label[row] : members[state.reference].predicted[row];
}

function predictedOf(row) {
  return members[state.member].predicted[row];
}

// "right", "wrong", or "" where either class is unknown.
function judge(row) {
  const right = referenceOf(row);
  const said = predictedOf(row);
  if (right < 0 || said < 0) return "";
  return right === said ? "right" : "wrong";
}

function wordJudgement(judged) {
  if (state.reference >= 0) return { right: "agree", wrong: "differ", "": "unknown" }[judged];
  return { right: "right", wrong: "wrong", "": "unknown" }[judged];
}

// What stands before a class. A member is no truth: whom it contradicts is other, not wrong.
function signJudgement(judged) {
  return (state.reference >= 0 ? { right: "=", wrong: "≠", "": "" } : { right: "✓", wrong: "✗", "": "" })[judged];
}

function listTests() {
  const tests = [];
  const { subset, fold, answer, group, mark, suspect, heat } = state;
  if (subset) tests.push((row) => (images.isTest[row] === 1) === (subset === "test"));
  if (fold !== "") tests.push((row) => images.fold[row] === Number(fold));
  if (answer) tests.push((row) => judge(row) === answer);
  if (state.true !== "") tests.push((row) => referenceOf(row) === Number(state.true));
  if (state.predicted !== "") tests.push((row) => predictedOf(row) === Number(state.predicted));
  if (group) tests.push((row) => images.group[row] >= 0 && data.groupNames[images.group[row]] === group);
  if (mark) tests.push((row) => (mark === "none" ? !findMark(row) : findMark(row) && (mark === "any" || findMark(row).mark === mark)));
  if (suspect) tests.push((row) => !Number.isNaN(images.suspicion[row]));
  if (heat) tests.push((row) => heatMapOf.has(row));
  for (const attribute of data.attributes) {
    const sides = state.attributes[attribute.name] ?? {};
    for (const [side, position] of Object.entries(sides)) {
      const labelOf = side === "true" ? referenceOf : predictedOf;
      tests.push((row) => labelOf(row) >= 0 && attribute.ofClass[labelOf(row)] === position);
    }
  }
  if (state.search.trim()) {
    const wanted = foldText(state.search.trim());
    tests.push((row) => searchedIds()[row].includes(wanted));
  }
  return tests;
}

let idsToSearch = null;
function searchedIds() {
  return (idsToSearch ??= data.ids.map(foldText));
}

// Korean names come in two forms of Unicode that look the same.
function foldText(text) {
  return text.normalize("NFC").toLowerCase();
}

// The key of each image, smallest first; images that have none come last.
function keyOfSort(sort) {
  const member = members[state.member];
  const negative = (column) => (row) => -column[row];
  if (sort === "loss" && !member.classOnly) return negative(member.loss);
  if (sort === "margin" && !member.classOnly) return (row) => member.margin[row];
  if (sort === "disagreement") return negative(images.disagreement);
  if (sort === "suspicion") return negative(images.suspicion);
  return (row) => row;
}

function chooseRows() {
  const tests = listTests();
  const rows = [];
  for (let row = 0; row < nImages; row++) if (tests.every((fits) => fits(row))) rows.push(row);
  const keyOf = keyOfSort(state.sort);
  const keys = new Float64Array(nImages);
  const sign = state.reversed ? -1 : 1;
  for (const row of rows) {
    const key = keyOf(row);
    keys[row] = Number.isNaN(key) ? Infinity : sign * key;
  }
  // Two images without a key: infinity less infinity is no number, and the rows decide.
  return rows.sort((first, second) => keys[first] - keys[second] || first - second);
}
