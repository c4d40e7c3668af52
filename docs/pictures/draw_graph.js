// Photograph the graph that `kedro viz` shows: node draw_graph.js <address> <file.png>
const { chromium } = require("playwright-core");

// What Kedro-Viz keeps in the browser: daylight, no tour of its features, no side panels.
function tidyUp() {
  const settings = JSON.parse(localStorage.KedroViz);
  settings.theme = "light";
  settings.showFeatureHints = false;
  settings.visible.sidebar = false;
  settings.visible.miniMap = false;
  localStorage.KedroViz = JSON.stringify(settings);
}

(async () => {
  const [address, file] = process.argv.slice(2);
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1130, height: 1500 }, deviceScaleFactor: 1.4 });
  await page.goto(address);
  await page.waitForTimeout(5000);
  await page.evaluate(tidyUp);
  await page.reload();
  await page.waitForTimeout(5000);
  await page.screenshot({ path: file, clip: { x: 130, y: 0, width: 1000, height: 1500 } });
  await browser.close();
})();
