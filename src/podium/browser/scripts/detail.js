// One image, large, with all that is known and said of it.

const MOST_CLASSES = 5;
const MOST_NEIGHBOURS = 40;
const MOST_ENLARGED = 6;
const detail = byId("podium-detail");
let isHeatShown = false;

function openRow() {
  return state.image === "" ? -1 : rowOfId.get(state.image);
}

function showDetail() {
  const row = openRow();
  if (row < 0) {
    if (detail.open) detail.close();
    return;
  }
  if (!detail.open) detail.showModal();
  const position = shownRows.indexOf(row);
  byId("podium-detail-name").textContent = data.ids[row];
  byId("podium-place").textContent = position < 0 ? "not among those shown" : `${position + 1} of ${shownRows.length}`;
  byId("podium-previous").disabled = position <= 0;
  byId("podium-next").disabled = position < 0 || position >= shownRows.length - 1;
  showPicture(row);
  drawHeat(row, isHeatShown);
  showVerdict(row);
  showChances(row);
  showNumbers(row);
  showGroup(row);
  showMark(row);
}

// The organisers' file where it lies beside the page, else the thumbnail.
function showPicture(row) {
  const img = byId("podium-original");
  const told = byId("podium-source");
  const original = data.original[row];
  const thumbnail = findThumbnail(row);
  img.alt = data.ids[row];
  const useThumbnail = () => {
    img.onerror = null;
    told.textContent = thumbnail ? "thumbnail: the original does not lie beside the page, or no browser shows its format" : "there is no picture of this image here";
    if (thumbnail) img.src = thumbnail;
    else img.removeAttribute("src");
  };
  told.textContent = original;
  img.onload = fitPicture;
  img.onerror = useThumbnail;
  if (original) img.src = original.split("/").map(encodeURIComponent).join("/");
  else useThumbnail();
}

// As large as the frame allows, small pictures enlarged; the heat map lies exactly upon it.
function fitPicture() {
  const img = byId("podium-original");
  const frame = byId("podium-frame");
  if (!img.naturalWidth) return;
  const scale = Math.min(MOST_ENLARGED, frame.clientWidth / img.naturalWidth, frame.clientHeight / img.naturalHeight);
  byId("podium-picture").style.width = `${Math.floor(img.naturalWidth * scale)}px`;
  byId("podium-picture").style.height = `${Math.floor(img.naturalHeight * scale)}px`;
}

function showVerdict(row) {
  const judged = judge(row);
  const said = predictedOf(row);
  const line = byId("podium-verdict");
  const sign = judged ? `${signJudgement(judged)} ` : "";
  const reference = referenceOf(row) >= 0 ? nameClass(referenceOf(row)) : state.reference < 0 ? "unknown" : "no answer";
  line.replaceChildren(
    `${nameReference()}: `, make("strong", {}, reference), make("br"), `predicted by ${members[state.member].name}: `,
    make("strong", { class: judged ? `podium-is-${judged}` : null }, `${sign}${said >= 0 ? nameClass(said) : "no answer"}`),
    ...(judged ? [` (${wordJudgement(judged)})`] : []),
  );
}

// The classes worth a column: the true one, the suggested one, then those with most probability in all members.
function listTopClasses(row) {
  const weight = new Map();
  members.forEach((member) => {
    const said = member.predicted[row];
    if (said < 0) return;
    weight.set(said, (weight.get(said) ?? 0) + (member.classOnly ? 1 : 0.001));
    if (member.classOnly) return;
    for (let i = row * data.nTop; i < (row + 1) * data.nTop; i++) {
      const label = member.topClasses[i];
      weight.set(label, (weight.get(label) ?? 0) + member.topChances[i] / FULL_CHANCE);
    }
  });
  const first = [images.label[row], images.suggested[row], predictedOf(row)].filter((label) => label >= 0);
  const others = [...weight.keys()].sort((a, b) => weight.get(b) - weight.get(a) || a - b);
  return [...new Set([...first, ...others])].slice(0, MOST_CLASSES);
}

function showChances(row) {
  const classes = listTopClasses(row);
  const head = make("tr", {}, make("th", { scope: "col" }, "member"));
  for (const label of classes) {
    const kind = label === images.label[row] ? "true" : label === images.suggested[row] ? "suggested" : "";
    head.append(make("th", { scope: "col" }, nameClass(label), ...(kind ? [make("br"), make("span", { class: "soft" }, `(${kind})`)] : [])));
  }
  const body = make("tbody");
  members.forEach((member, position) => {
    const said = member.predicted[row];
    const isWrong = images.label[row] >= 0 && said !== images.label[row];
    const sign = said < 0 || images.label[row] < 0 ? "" : isWrong ? "✗ " : "✓ ";
    const told = make("span", { class: sign ? (isWrong ? "podium-is-wrong" : "podium-is-right") : "soft" }, said < 0 ? "no answer" : `${sign}${nameClass(said)}`);
    const line = make("tr", { class: position === state.member ? "used" : null }, make("th", { scope: "row" }, member.name, told));
    if (said < 0 || member.classOnly) {
      const words = said < 0 ? "says nothing of this image" : "class only: handed over no probabilities";
      line.append(make("td", { colspan: classes.length, class: "soft" }, words));
    } else for (const label of classes) line.append(makeChance(member, row, label));
    body.append(line);
  });
  byId("podium-chances").replaceChildren(make("thead", {}, head), body);
}

function makeChance(member, row, label) {
  const chance = findChance(member, row, label);
  const least = member.topChances[(row + 1) * data.nTop - 1] / FULL_CHANCE;
  const kind = label === images.label[row] ? " podium-of-true" : label === member.predicted[row] ? " podium-of-said" : "";
  const bar = make("i");
  bar.style.width = `${100 * (chance ?? 0)}%`;
  const text = chance === null ? `≤ ${writeShare(least).replace("< ", "")}` : writeShare(chance);
  return make("td", { class: `podium-bar-cell${kind}` }, text, make("div", { class: "podium-chance", "aria-hidden": "true" }, bar));
}

function showNumbers(row) {
  const member = members[state.member];
  const numbers = [["part", images.isTest[row] ? "test" : "train"]];
  if (images.fold[row] >= 0) numbers.push(["held out in fold", String(images.fold[row])]);
  if (!member.classOnly && images.label[row] >= 0) numbers.push([`loss of ${member.name}`, `${writeNumber(member.loss[row])} nats`]);
  if (!member.classOnly) numbers.push([`margin of ${member.name}`, writeNumber(member.margin[row])]);
  if (!Number.isNaN(images.disagreement[row])) numbers.push(["disagreement of members", `${writeNumber(images.disagreement[row])} bits`]);
  if (!Number.isNaN(images.suspicion[row])) numbers.push(["suspected label error", `${writeNumber(images.suspicion[row])}${images.suggested[row] >= 0 ? `; ${nameClass(images.suggested[row])} suggested` : ""}`]);
  for (const { name, values, ofClass } of data.attributes) {
    const said = predictedOf(row) >= 0 ? values[ofClass[predictedOf(row)]] : "no answer";
    const right = images.label[row] >= 0 ? values[ofClass[images.label[row]]] : "unknown";
    numbers.push([name, `true ${right}, predicted ${said}`]);
  }
  byId("podium-numbers").replaceChildren(...numbers.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function showGroup(row) {
  const group = images.group[row];
  const rows = [];
  if (group >= 0) for (let other = 0; other < nImages; other++) if (images.group[other] === group && other !== row) rows.push(other);
  byId("podium-group").hidden = rows.length === 0;
  if (rows.length === 0) return;
  byId("podium-group-name").textContent = `${data.groupNames[group]}, ${rows.length + 1} images`;
  const buttons = rows.slice(0, MOST_NEIGHBOURS).map((other) => {
    const url = findThumbnail(other);
    const picture = url ? make("img", { src: url, alt: "" }) : null;
    const name = nameClass(images.label[other]);
    return make("button", { type: "button", title: `${data.ids[other]}\n${name}`, "aria-label": `${data.ids[other]}, ${name}`, onclick: () => change({ image: data.ids[other] }) }, picture, name);
  });
  const all = make("button", { type: "button", onclick: () => openImages({ group: data.groupNames[group] }) }, "show in the grid");
  byId("podium-neighbours").replaceChildren(...buttons, all);
}

function showMark(row) {
  const mark = findMark(row);
  for (const button of byId("podium-mark").querySelectorAll("[data-mark]")) {
    button.setAttribute("aria-pressed", (mark?.mark ?? "") === button.dataset.mark);
    button.disabled = !mayMark(row, button.dataset.mark);
  }
  const picker = byId("podium-right-class");
  picker.disabled = !mayMark(row, "label_wrong");
  picker.replaceChildren(make("option", { value: "" }, "choose…"));
  data.classNames.forEach((name, label) => {
    if (label !== images.label[row]) picker.append(make("option", { value: label }, name));
  });
  picker.value = mark?.mark === "label_wrong" ? mark.label : "";
  byId("podium-note").value = mark?.note ?? "";
  byId("podium-mark-told").textContent = picker.disabled ? "Only training images change: a test image can be looked at again." : mark ? wordMark(mark) : "";
}

function buildDetail() {
  byId("podium-previous").addEventListener("click", () => step(-1));
  byId("podium-next").addEventListener("click", () => step(1));
  byId("podium-close").addEventListener("click", () => change({ image: "" }));
  detail.addEventListener("close", () => {
    change({ image: "" });
    if (state.view === "images") grid.focus({ preventScroll: true });
  });
  detail.addEventListener("click", (event) => {
    if (event.target === detail) change({ image: "" });
  });
  byId("podium-toggle-heat").addEventListener("click", toggleHeat);
  for (const button of byId("podium-mark").querySelectorAll("[data-mark]")) {
    button.addEventListener("click", () => markOpen(button.dataset.mark));
  }
  byId("podium-right-class").addEventListener("change", (event) => {
    if (event.target.value === "") return;
    setMark(openRow(), { mark: "label_wrong", label: Number(event.target.value), note: findMark(openRow())?.note ?? "" });
  });
  byId("podium-note").addEventListener("change", (event) => {
    const row = openRow();
    if (row < 0) return;
    setMark(row, { ...(findMark(row) ?? { mark: "look_again", label: -1 }), note: event.target.value });
  });
  new ResizeObserver(fitPicture).observe(byId("podium-frame"));
}

function markOpen(mark) {
  if (!markImage(openRow(), mark)) {
    tell("choose the right class");
    byId("podium-right-class").focus();
  }
}

function toggleHeat() {
  if (!heatMapOf.has(openRow())) return tell("there is no heat map of this image");
  isHeatShown = !isHeatShown;
  return drawHeat(openRow(), isHeatShown);
}

// Go to a neighbour in the order that is shown; an image that a mark has just filtered away keeps its place.
function step(by) {
  const position = shownRows.indexOf(openRow());
  const next = position < 0 ? active : position + by;
  if (next < 0 || next >= shownRows.length) return;
  active = next;
  change({ image: data.ids[shownRows[next]] });
  activate(next);
}
