// Heat maps, drawn over the picture in colours whose lightness grows evenly.

const heatMapOf = new Map(data.heatMaps.map((packed) => [packed.row, packed]));
const heatColours = decodeBytes(data.heatColours);

function paint(canvas, height, width, values) {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  values.forEach((value, i) => {
    for (let channel = 0; channel < 3; channel++) pixels.data[4 * i + channel] = heatColours[3 * value + channel];
    pixels.data[4 * i + 3] = 255;
  });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function drawHeat(row, isShown) {
  const packed = heatMapOf.get(row);
  const canvas = byId("podium-heat-map");
  const button = byId("podium-toggle-heat");
  button.disabled = !packed;
  button.title = packed ? "" : "there is no heat map of this image";
  button.setAttribute("aria-pressed", Boolean(packed && isShown));
  canvas.hidden = byId("podium-legend").hidden = !(packed && isShown);
  if (!packed || !isShown) return;
  paint(canvas, packed.height, packed.width, decodeBytes(packed.heat));
  paint(byId("podium-legend-colours"), 1, 256, Uint8Array.from({ length: 256 }, (_, i) => i));
  byId("podium-heat-title").textContent = data.heatMapTitle;
}
