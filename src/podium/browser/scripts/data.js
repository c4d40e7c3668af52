// The data that lie in the page. Columns of numbers are base64 of typed arrays: nothing is parsed digit by digit.

const data = JSON.parse(byId("podium-data").textContent);
const nImages = data.ids.length;
const FULL_CHANCE = 65535;

const images = {
  isTest: decode(data.isTest, Uint8Array),
  label: decode(data.label, Int16Array),
  fold: decode(data.fold, Int16Array),
  group: decode(data.group, Int32Array),
  suspicion: decode(data.suspicion, Float32Array),
  suggested: decode(data.suggested, Int16Array),
  disagreement: decode(data.disagreement, Float32Array),
};

// Members have their classes at once; the rest is decoded when somebody asks for it.
const members = data.members.map((packed) => {
  const member = { name: packed.name, classOnly: packed.classOnly, predicted: decode(packed.predicted, Int16Array) };
  const types = { loss: Float32Array, margin: Float32Array, topClasses: Int16Array, topChances: Uint16Array };
  for (const [name, Type] of Object.entries(types)) {
    let column = null;
    Object.defineProperty(member, name, { get: () => (column ??= packed.classOnly ? null : decode(packed[name], Type)) });
  }
  return member;
});

const hasLabels = images.label.some((label) => label >= 0);
const rowOfId = new Map(data.ids.map((id, row) => [id, row]));

function byId(id) {
  return document.getElementById(id);
}

function decodeBytes(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function decode(text, Type) {
  return new Type(decodeBytes(text).buffer);
}

// Make an element. All text of the data goes through here, as text: nothing of it is ever read as HTML.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function nameClass(label) {
  return label >= 0 ? data.classNames[label] : "unknown";
}

// What one member says of a class: a probability from 0 to 1, or null where it is below all that were kept. That of the
// true class follows from the loss.
function findChance(member, row, label) {
  const { topClasses, topChances } = member;
  for (let i = row * data.nTop; i < (row + 1) * data.nTop; i++) {
    if (topClasses[i] === label) return topChances[i] / FULL_CHANCE;
  }
  return label === images.label[row] ? Math.exp(-member.loss[row]) : null;
}

function writeShare(share) {
  const percent = 100 * share;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  return `${percent.toFixed(percent < 99.95 && percent > 0 ? 1 : 0)} %`;
}

function writeNumber(value, digits = 3) {
  return Number.isNaN(value) ? "–" : value.toFixed(digits);
}
