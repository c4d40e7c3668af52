// What is shown: kept in the address, so that a link opens the same view again.

const START_VIEW = document.querySelector('[data-view="report"]') ? "report" : "images";
const NO_FILTERS = {
  subset: "", fold: "", answer: "", true: "", predicted: "", group: "", search: "", mark: "", suspect: false, heat: false,
  attributes: {},
};
const START = {
  view: START_VIEW, member: data.main, reference: data.reference, sort: chooseSort(data.main), reversed: false, size: 144,
  image: "", ...NO_FILTERS,
};
const SORTS = { loss: "loss", margin: "margin", disagreement: "disagreement", suspicion: "suspected label error", id: "id" };
const state = structuredClone(START);
const listeners = [];

// A member without probabilities has no losses; then what members differ on comes first.
function chooseSort(member) {
  const hasLosses = !members[member].classOnly && members[member].loss.some((loss) => !Number.isNaN(loss));
  if (hasLosses) return "loss";
  return images.disagreement.some((value) => !Number.isNaN(value)) ? "disagreement" : "id";
}

function onChange(listener) {
  listeners.push(listener);
}

// Change some of the state, tell everybody, and write the address; a new view is a step that "back" undoes.
function change(part) {
  const changed = new Set(Object.keys(part).filter((key) => JSON.stringify(part[key]) !== JSON.stringify(state[key])));
  if (changed.size === 0) return;
  Object.assign(state, part);
  writeAddress(changed.has("view") ? "pushState" : "replaceState");
  for (const listener of listeners) listener(changed);
}

function writeAddress(how) {
  const parts = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (key === "attributes") {
      for (const [name, sides] of Object.entries(value)) {
        for (const [side, position] of Object.entries(sides)) parts.append(`${side}.${name}`, position);
      }
    } else if (key === "member" || key === "reference") {
      if (value !== START[key]) parts.set(key, value < 0 ? "" : members[value].name);
    } else if (key === "view" || value !== START[key]) parts.set(key, value);
  }
  history[how](null, "", `#${parts}`);
}

// Read the address; a name without "=" is a place in the report.
function readAddress() {
  const text = location.hash.slice(1);
  if (!text.includes("=")) {
    const part = { ...structuredClone(START), view: START_VIEW };
    return { part, anchor: text };
  }
  const parts = new URLSearchParams(text);
  return { part: readParts(Object.fromEntries(parts)), anchor: "" };
}

// Turn names and texts into a whole state; what is unknown, or of another page, is passed over.
function readParts(given) {
  const part = structuredClone(START);
  for (const [key, value] of Object.entries(given)) {
    const dot = key.indexOf(".");
    const side = key.slice(0, Math.max(dot, 0));
    if (key === "member" || key === "reference") {
      const found = members.findIndex((member) => member.name === value);
      if (found >= 0 || (key === "reference" && hasLabels)) part[key] = found;
    } else if (side === "true" || side === "predicted") {
      setAttribute(part.attributes, key.slice(dot + 1), side, value);
    } else if (key === "attributes") {
      for (const [name, sides] of Object.entries(value)) {
        for (const [one, position] of Object.entries(sides)) setAttribute(part.attributes, name, one, position);
      }
    } else if (key === "suspect" || key === "heat" || key === "reversed") part[key] = String(value) === "true";
    else if (key === "size") part.size = Math.min(288, Math.max(72, Number(value) || START.size));
    else if (key === "sort") part.sort = value in SORTS ? value : START.sort;
    else if (key === "image") part.image = rowOfId.has(value) ? value : "";
    else if (key in START) part[key] = String(value);
  }
  if (!document.querySelector(`[data-of="${CSS.escape(part.view)}"]`)) part.view = START_VIEW;
  return part;
}

function setAttribute(attributes, name, side, position) {
  const attribute = data.attributes.find((one) => one.name === name);
  if (!attribute || !(Number(position) in attribute.values) || !["true", "predicted"].includes(side)) return;
  (attributes[name] ??= {})[side] = Number(position);
}

// Show the images that fit, and nothing of what was filtered before; of whom the page speaks first, unless told.
function openImages(filters, kept = {}) {
  change({ ...readParts({ ...filters, view: "images" }), size: state.size, ...kept });
}
