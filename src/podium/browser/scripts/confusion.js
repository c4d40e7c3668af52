// Who is taken for whom: a matrix of the classes and one of each attribute, counted here for the chosen member.

const MANY_CLASSES = 60;
const MOST_MIXED_UP = 30;

// Count pairs of a reference and a predicted value; values are classes, or what ofClass makes of them.
function countPairs(nValues, ofClass) {
  const counts = new Int32Array(nValues * nValues);
  for (let row = 0; row < nImages; row++) {
    const right = referenceOf(row);
    const said = predictedOf(row);
    if (right >= 0 && said >= 0) counts[ofClass(right) * nValues + ofClass(said)]++;
  }
  return counts;
}

// The values that take part in most mistakes, in their own order.
function findMixedUp(counts, n) {
  const wrong = new Int32Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i !== j) {
    wrong[i] += counts[i * n + j];
    wrong[j] += counts[i * n + j];
  }
  const order = [...wrong.keys()].sort((first, second) => wrong[second] - wrong[first] || first - second);
  return order.slice(0, MOST_MIXED_UP).sort((first, second) => first - second);
}

function drawConfusion() {
  if (state.view !== "confusion") return;
  const box = byId("podium-matrices");
  const n = data.classNames.length;
  const counts = countPairs(n, (label) => label);
  const isMany = n > MANY_CLASSES;
  byId("podium-which-label").hidden = !isMany;
  const shown = isMany && byId("podium-which").value !== "all" ? findMixedUp(counts, n) : [...data.classNames.keys()];
  const total = counts.reduce((sum, count) => sum + count, 0);
  let right = 0;
  for (let label = 0; label < n; label++) right += counts[label * n + label];
  const verb = state.reference < 0 ? "right" : "the same";
  const counted = data.nKnown > nImages
    ? `${right} ${verb} of the ${total} images counted here. The page shows ${nImages} of ${data.nKnown} images, chosen for their errors: see Scores for shares of all.`
    : `${right} of ${total} images ${verb} (${writeShare(right / total)}).`;
  byId("podium-confusion-told").textContent = total
    ? `${members[state.member].name}: ${counted} Each cell opens its images. Rows are the ${nameReference()}, columns the predicted one; the stronger the colour, the larger the share of the row.`
    : "There is no image of which both classes are known: choose another member to hold the prediction against.";
  box.replaceChildren();
  if (!total) return;
  const whose = { member: state.member, reference: state.reference };
  const open = (i, j) => openImages({ true: i, predicted: j }, whose);
  box.append(makeMatrix("classes", data.classNames, counts, shown, open));
  const shelf = make("div", { class: "podium-shelf" });
  for (const { name, values, ofClass } of data.attributes) {
    const pairs = countPairs(values.length, (label) => ofClass[label]);
    const openValues = (i, j) => openImages({ attributes: { [name]: { true: i, predicted: j } } }, whose);
    shelf.append(makeMatrix(name, values, pairs, [...values.keys()], openValues));
  }
  box.append(shelf);
}

function makeMatrix(title, names, counts, shown, open) {
  const n = names.length;
  const head = make("tr", {}, make("td", {}));
  for (const j of shown) head.append(make("th", { scope: "col", title: names[j] }, make("span", {}, names[j])));
  head.append(make("th", { scope: "col" }, make("span", {}, "images")), make("th", { scope: "col" }, make("span", {}, "found")));
  const body = make("tbody");
  for (const i of shown) {
    const ofRow = counts.subarray(i * n, (i + 1) * n);
    const total = ofRow.reduce((sum, count) => sum + count, 0);
    const line = make("tr", {}, make("th", { scope: "row", title: names[i] }, names[i]));
    for (const j of shown) line.append(makeCell(names, i, j, ofRow[j], total, open));
    line.append(make("td", { class: "podium-total" }, String(total)), make("td", { class: "podium-total" }, total ? writeShare(ofRow[i] / total) : "–"));
    body.append(line);
  }
  const longest = Math.max(...shown.map((i) => names[i].length));
  const table = make("table", { style: `--names: ${Math.min(11, 1.5 + 0.62 * longest).toFixed(1)}rem` }, make("thead", {}, head), body);
  table.setAttribute("aria-label", `confusion of ${title}`);
  const first = table.querySelector("td button");
  if (first) first.tabIndex = 0;
  return make("section", { class: "podium-matrix", "aria-label": `confusion of ${title}` }, make("h3", {}, title), make("div", { class: "wide" }, table));
}

// Only cells with images are buttons: a matrix of 200 classes has 40,000 cells, and few of them hold anything.
function makeCell(names, i, j, count, total, open) {
  const cell = make("td");
  if (count === 0) return cell;
  const words = `${names[i]} predicted as ${names[j]}: ${count} ${count === 1 ? "image" : "images"}`;
  const button = make("button", { type: "button", tabindex: -1, "aria-label": words, title: words, onclick: () => open(i, j) }, String(count));
  const share = count / total;
  const percent = Math.round(8 + 47 * share); // up to 55: ink stays readable on it, by day and by night
  button.style.background = `color-mix(in oklab, var(--${i === j ? "good" : "bad"}) ${percent}%, var(--paper))`;
  cell.append(button);
  return cell;
}

// Arrow keys go to the next cell that holds images; the matrix as a whole is one stop of the Tab key.
function moveInMatrix(event) {
  const button = event.target.closest?.(".podium-matrix td button");
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!button || !step) return false;
  const lines = [...button.closest("tbody").rows];
  let [y, x] = [lines.indexOf(button.closest("tr")), button.closest("td").cellIndex];
  event.preventDefault();
  for (;;) {
    [y, x] = [y + step[0], x + step[1]];
    const cell = lines[y]?.cells[x];
    if (!cell) return true;
    const next = cell.querySelector("button");
    if (next) {
      button.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      return true;
    }
  }
}
