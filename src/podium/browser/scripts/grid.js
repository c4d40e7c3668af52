// The grid of images. Only tiles in sight, and some above and below, are in the page; they are used again on scrolling.

const GAP_PX = 8;
const CAPTION_PX = 44;
const ROWS_BEYOND = 2;
const grid = byId("podium-grid");
const sheet = byId("podium-sheet");
const tiles = new Map(); // position in the order → element
const spare = [];
let shownRows = [];
let active = 0;
let isWaiting = false;
let columns = 1;
let tileWidth = 0;
let rowHeight = 1;

// Measured once for all tiles: asking the browser for a size between two tiles would make it lay out the page for each.
function measureGrid() {
  columns = Math.max(1, Math.floor((grid.clientWidth - GAP_PX) / (state.size + GAP_PX)));
  tileWidth = Math.max(0, Math.floor((grid.clientWidth - GAP_PX) / columns) - GAP_PX);
  rowHeight = tileWidth + CAPTION_PX + GAP_PX;
  sheet.style.height = `${Math.ceil(shownRows.length / columns) * rowHeight + GAP_PX}px`;
}

// Lay everything out anew: after another choice, another order or another size.
function layOutGrid() {
  for (const tile of tiles.values()) spareTile(tile);
  tiles.clear();
  measureGrid();
  drawTiles();
}

function spareTile(tile) {
  tile.hidden = true;
  spare.push(tile);
}

function drawTiles() {
  const { scrollTop, clientHeight } = grid;
  if (clientHeight === 0) return;
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - ROWS_BEYOND) * columns;
  const last = Math.min(shownRows.length, (Math.ceil((scrollTop + clientHeight) / rowHeight) + ROWS_BEYOND) * columns);
  for (const [position, tile] of tiles) {
    if (position < first || position >= last) {
      tiles.delete(position);
      spareTile(tile);
    }
  }
  for (let position = first; position < last; position++) if (!tiles.has(position)) tiles.set(position, drawTile(position));
  showActive();
}

function drawTile(position) {
  const tile = spare.pop() ?? makeTile();
  const row = shownRows[position];
  tile.hidden = false;
  tile.dataset.position = position;
  tile.id = `podium-tile-${position}`;
  tile.setAttribute("aria-posinset", position + 1);
  tile.setAttribute("aria-setsize", shownRows.length);
  tile.style.width = `${tileWidth}px`;
  tile.style.height = `${tileWidth + CAPTION_PX}px`;
  const left = GAP_PX + (position % columns) * (tileWidth + GAP_PX);
  tile.style.transform = `translate(${left}px, ${GAP_PX + Math.floor(position / columns) * rowHeight}px)`;
  fillTile(tile, row);
  return tile;
}

function makeTile() {
  const tile = make("div", { class: "podium-tile", role: "option" });
  const caption = make("div", { class: "podium-caption" }, make("span"), make("span", { class: "podium-said" }));
  tile.append(make("img", { alt: "", decoding: "async", draggable: "false" }), make("div", { class: "podium-blank", hidden: true }), caption, make("span", { class: "podium-badge", hidden: true }));
  sheet.append(tile);
  return tile;
}

function fillTile(tile, row) {
  const [img, blank, caption, badge] = tile.children;
  const url = findThumbnail(row);
  img.hidden = !url;
  blank.hidden = Boolean(url);
  (url ? img : blank).style.height = `${tileWidth}px`;
  if (url) img.src = url;
  else blank.textContent = url === null ? "…" : data.ids[row];
  if (url === null) waitForThumbnails();
  const judged = judge(row);
  const [known, said] = describeClasses(row, judged);
  tile.className = `podium-tile${judged ? ` podium-${judged}` : ""}`;
  caption.children[0].textContent = known;
  caption.children[1].textContent = said;
  const mark = findMark(row);
  badge.hidden = !mark;
  badge.textContent = mark ? wordMark(mark) : "";
  const spoken = [data.ids[row], known, said, mark ? `marked ${wordMark(mark)}` : ""].filter(Boolean).join(", ");
  tile.setAttribute("aria-label", spoken);
  tile.title = `${data.ids[row]}\n${known}\n${said}`;
}

// Two lines under a picture. The sign says what the colour says, to those who do not see it.
function describeClasses(row, judged) {
  const right = referenceOf(row);
  const said = predictedOf(row);
  const sign = signJudgement(judged) || "?";
  const kind = state.reference < 0 ? (images.isTest[row] ? "test image" : "true class unknown") : "";
  return [right >= 0 ? nameClass(right) : kind || "no answer", `${sign} ${said >= 0 ? nameClass(said) : "no answer"}`];
}

// While the page is still coming in, tiles wait for their pictures.
function waitForThumbnails() {
  if (isWaiting) return;
  isWaiting = true;
  setTimeout(() => {
    isWaiting = false;
    for (const [position, tile] of tiles) if (tile.children[0].hidden) fillTile(tile, shownRows[position]);
  }, 60);
}

function refreshTiles() {
  for (const [position, tile] of tiles) fillTile(tile, shownRows[position]);
  showActive();
}

function showActive() {
  for (const [position, tile] of tiles) {
    tile.classList.toggle("podium-active", position === active);
    tile.setAttribute("aria-selected", position === active);
  }
  if (tiles.has(active)) grid.setAttribute("aria-activedescendant", `podium-tile-${active}`);
  else grid.removeAttribute("aria-activedescendant");
}

// Make an image the active one, and scroll as little as needed to show it.
function activate(position) {
  if (shownRows.length === 0) return;
  active = Math.min(shownRows.length - 1, Math.max(0, position));
  const top = Math.floor(active / columns) * rowHeight;
  if (top < grid.scrollTop) grid.scrollTop = top;
  const bottom = top + rowHeight + GAP_PX;
  if (bottom > grid.scrollTop + grid.clientHeight) grid.scrollTop = bottom - grid.clientHeight;
  drawTiles();
}

// Choose and order anew; the active image stays the active one where it still fits.
function chooseAnew() {
  const before = shownRows[active];
  shownRows = chooseRows();
  active = Math.max(0, shownRows.indexOf(before));
  if (active === 0) grid.scrollTop = 0;
  byId("podium-none").hidden = shownRows.length > 0;
  const all = shownRows.length === nImages;
  const number = (count) => count.toLocaleString("en");
  byId("podium-count").textContent = all ? `${number(nImages)} images` : `${number(shownRows.length)} of ${number(nImages)} images`;
  layOutGrid();
  if (active > 0) activate(active);
}
