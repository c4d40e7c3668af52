// The controls beside the grid, and the list of filters that are on.

const SELECTS = {
  subset: ["part", () => [["train", "train"], ["test", "test"]]],
  answer: ["answer", () => [["right", wordJudgement("right")], ["wrong", wordJudgement("wrong")]]],
  true: ["true class", listClasses],
  predicted: ["predicted class", listClasses],
  fold: ["fold", () => [...new Set(images.fold)].filter((fold) => fold >= 0).sort((a, b) => a - b).map((fold) => [fold, `fold ${fold}`])],
  mark: ["marks", () => [["any", "any mark"], ...Object.entries(MARK_NAMES), ["none", "no mark"]]],
};

function listClasses() {
  return data.classNames.map((name, label) => [label, name]);
}

function makeSelect(id, choices, onPick, first = "any") {
  const select = make("select", { id });
  if (first !== null) select.append(make("option", { value: "" }, first));
  for (const [value, name] of choices) select.append(make("option", { value }, name));
  select.addEventListener("change", () => onPick(select.value));
  return select;
}

function buildFilters() {
  for (const [key, [name, list]] of Object.entries(SELECTS)) {
    const select = makeSelect(`podium-filter-${key}`, list(), (value) => change({ [key]: value }));
    byId("podium-selects").append(make("label", { id: `podium-name-${key}` }, `${name} `, select));
  }
  byId("podium-name-fold").hidden = byId("podium-filter-fold").length < 3;
  byId("podium-name-subset").hidden = new Set(images.isTest).size < 2;
  const box = byId("podium-attributes");
  data.attributes.forEach((attribute, number) => {
    const pair = make("fieldset", { class: "podium-pair" }, make("legend", {}, attribute.name));
    for (const side of ["true", "predicted"]) {
      const choices = attribute.values.map((name, position) => [position, name]);
      const select = makeSelect(`podium-attribute-${number}-${side}`, choices, (value) => pickAttribute(attribute.name, side, value));
      select.setAttribute("aria-label", `${attribute.name}, ${side}`);
      pair.append(select);
    }
    box.append(pair);
  });
  box.parentElement.hidden = data.attributes.length === 0;
  for (const [key, id] of [["suspect", "podium-suspect"], ["heat", "podium-heat"], ["reversed", "podium-reverse"]]) {
    byId(id).addEventListener("change", (event) => change({ [key]: event.target.checked }));
  }
  byId("podium-suspect").parentElement.hidden = images.suspicion.every(Number.isNaN);
  byId("podium-heat").parentElement.hidden = heatMapOf.size === 0;
  byId("podium-heat").closest("fieldset").hidden = heatMapOf.size === 0 && images.suspicion.every(Number.isNaN);
  byId("podium-search").addEventListener("input", (event) => change({ search: event.target.value }));
  byId("podium-clear").addEventListener("click", () => change(structuredClone(NO_FILTERS)));
  byId("podium-filters").addEventListener("submit", (event) => event.preventDefault());
  byId("podium-size").addEventListener("input", (event) => change({ size: Number(event.target.value) }));
  const sort = byId("podium-sort");
  for (const [value, name] of Object.entries(SORTS)) sort.append(make("option", { value }, name));
  sort.addEventListener("change", () => change({ sort: sort.value, reversed: false }));
  const names = members.map((member, position) => [position, member.classOnly ? `${member.name} (class only)` : member.name]);
  byId("podium-member").append(...makeSelect("", names, () => {}, null).children);
  const references = hasLabels ? [[-1, "true class"], ...names] : names;
  byId("podium-reference").append(...makeSelect("", references, () => {}, null).children);
  byId("podium-member").addEventListener("change", (event) => change({ member: Number(event.target.value) }));
  byId("podium-reference").addEventListener("change", (event) => change({ reference: Number(event.target.value) }));
  if (matchMedia("(max-width: 760px)").matches) byId("podium-filter-box").open = false;
}

function pickAttribute(name, side, value) {
  const attributes = structuredClone(state.attributes);
  const sides = (attributes[name] ??= {});
  if (value === "") delete sides[side];
  else sides[side] = Number(value);
  if (Object.keys(sides).length === 0) delete attributes[name];
  change({ attributes });
}

function nameReference() {
  return state.reference < 0 ? "true class" : `class by ${members[state.reference].name}`;
}

// Make the controls say what the state says, wherever it was changed.
function showFilters() {
  for (const key of Object.keys(SELECTS)) byId(`podium-filter-${key}`).value = state[key];
  byId("podium-name-true").firstChild.textContent = `${nameReference()} `;
  const answers = byId("podium-filter-answer").options;
  answers[1].textContent = wordJudgement("right");
  answers[2].textContent = wordJudgement("wrong");
  data.attributes.forEach((attribute, position) => {
    for (const side of ["true", "predicted"]) {
      byId(`podium-attribute-${position}-${side}`).value = state.attributes[attribute.name]?.[side] ?? "";
    }
  });
  if (byId("podium-search").value !== state.search) byId("podium-search").value = state.search;
  byId("podium-suspect").checked = state.suspect;
  byId("podium-heat").checked = state.heat;
  byId("podium-reverse").checked = state.reversed;
  byId("podium-size").value = state.size;
  byId("podium-member").value = state.member;
  byId("podium-reference").value = state.reference;
  const member = members[state.member];
  const lacks = {
    loss: member.classOnly || !hasLabels, margin: member.classOnly, disagreement: images.disagreement.every(Number.isNaN),
    suspicion: images.suspicion.every(Number.isNaN), id: false,
  };
  for (const option of byId("podium-sort").options) option.disabled = lacks[option.value];
  byId("podium-sort").value = state.sort;
  showChips();
}

// Each filter that is on, as a button that takes it off.
function showChips() {
  const chips = byId("podium-chips");
  chips.replaceChildren();
  const add = (text, part) => chips.append(make("button", { type: "button", "aria-label": `take off: ${text}`, onclick: () => change(part) }, `${text} ✕`));
  for (const [key, [name, list]] of Object.entries(SELECTS)) {
    if (state[key] === "") continue;
    const choice = list().find(([value]) => String(value) === state[key]);
    add(`${key === "true" ? nameReference() : name}: ${choice ? choice[1] : state[key]}`, { [key]: "" });
  }
  for (const [name, sides] of Object.entries(state.attributes)) {
    const { values } = data.attributes.find((attribute) => attribute.name === name);
    for (const [side, position] of Object.entries(sides)) {
      const attributes = structuredClone(state.attributes);
      delete attributes[name][side];
      add(`${name}, ${side}: ${values[position]}`, { attributes });
    }
  }
  if (state.group) add(`group: ${state.group}`, { group: "" });
  if (state.search) add(`search: ${state.search}`, { search: "" });
  if (state.suspect) add("suspected label errors", { suspect: false });
  if (state.heat) add("with a heat map", { heat: false });
}
