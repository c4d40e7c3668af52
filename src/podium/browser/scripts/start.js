// Put everything together.

const THEMES = { "": "◐ auto", light: "☀ light", dark: "☾ dark" };
const REORDERS = new Set([...Object.keys(NO_FILTERS), "member", "reference", "sort", "reversed"]);

function showTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  byId("podium-theme").textContent = THEMES[theme];
  byId("podium-theme").setAttribute("aria-label", `colours: ${theme || "as the system has it"}`);
}

function buildTheme() {
  let theme = "";
  try {
    theme = localStorage.getItem("podium theme") ?? "";
  } catch {
    // Without a store the page follows the system.
  }
  showTheme(theme in THEMES ? theme : "");
  byId("podium-theme").addEventListener("click", () => {
    const names = Object.keys(THEMES);
    theme = names[(names.indexOf(theme) + 1) % names.length];
    showTheme(theme);
    try {
      localStorage.setItem("podium theme", theme);
    } catch {
      // It is kept until the page is closed.
    }
  });
}

function showView() {
  for (const view of document.querySelectorAll("[data-of]")) view.hidden = view.dataset.of !== state.view;
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-current", button.dataset.view === state.view);
  document.querySelector(".podium-who").hidden = !["images", "confusion"].includes(state.view);
  measureBar();
}

function measureBar() {
  const bar = document.querySelector(".podium-bar");
  document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`);
}

// Bring the page in line with whatever has changed.
function show(changed) {
  const has = (...keys) => keys.some((key) => changed.has(key));
  if (has("member") && members[state.member].classOnly && ["loss", "margin"].includes(state.sort)) {
    state.sort = chooseSort(state.member);
  }
  if (has("view")) showView();
  showFilters();
  // A mark does not take its image away under the viewer's eyes: the choice is made anew with the next filter.
  if ([...changed].some((key) => REORDERS.has(key))) chooseAnew();
  else if (has("view", "size")) layOutGrid();
  else if (has("marks")) refreshTiles();
  if (has("view", "member", "reference")) drawConfusion();
  if (has("view", "marks")) showMarks();
  if (has("image", "member", "reference", "marks")) showDetail();
  if (has("image") && state.image) followImage();
}

function followImage() {
  const position = shownRows.indexOf(openRow());
  if (position >= 0 && position !== active) activate(position);
}

function goToAddress() {
  const { part, anchor } = readAddress();
  Object.assign(state, part);
  show(new Set(Object.keys(state)));
  if (anchor && state.view === "report") byId(anchor)?.scrollIntoView();
}

function openLink(event) {
  const link = event.target.closest?.("a[data-images]");
  if (!link) return;
  event.preventDefault();
  openImages(JSON.parse(link.dataset.images));
}

function start() {
  readMarks();
  buildTheme();
  buildFilters();
  buildDetail();
  buildLists();
  buildKeys();
  for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => change({ view: button.dataset.view }));
  const which = byId("podium-which");
  which.append(make("option", { value: "" }, `the ${MOST_MIXED_UP} classes mixed up most`), make("option", { value: "all" }, "all classes"));
  which.addEventListener("change", drawConfusion);
  document.addEventListener("click", openLink);
  window.addEventListener("hashchange", goToAddress);
  let isDrawing = false;
  grid.addEventListener("scroll", () => {
    if (isDrawing) return;
    isDrawing = true;
    requestAnimationFrame(() => {
      isDrawing = false;
      drawTiles();
    });
  }, { passive: true });
  grid.addEventListener("click", (event) => {
    const tile = event.target.closest(".podium-tile");
    if (!tile) return;
    active = Number(tile.dataset.position);
    openActive();
  });
  new ResizeObserver(() => layOutGrid()).observe(grid);
  new ResizeObserver(measureBar).observe(document.querySelector(".podium-bar"));
  onChange(show);
  goToAddress();
}

start();
