// Thumbnails: they lie in the page as base64, some to a block of text, and become pictures when they come into sight.
// A data address costs the browser a third of the time of a Blob and its address, and leaves nothing to give back.

const thumbnailLengths = decode(data.thumbnailLengths, Uint32Array);
const thumbnailStarts = new Uint32Array(nImages);
for (let row = 1; row < nImages; row++) {
  const isFirst = row % data.thumbnailsAChunk === 0;
  thumbnailStarts[row] = isFirst ? 0 : thumbnailStarts[row - 1] + thumbnailLengths[row - 1];
}

// Return the address of a thumbnail; "" where there is none, null where the page has not come so far yet.
function findThumbnail(row) {
  if (thumbnailLengths[row] === 0) return "";
  const chunk = byId(`podium-thumbnails-${Math.floor(row / data.thumbnailsAChunk)}`);
  if (!chunk || (document.readyState === "loading" && chunk.nextSibling === null)) return null;
  const start = thumbnailStarts[row];
  return `data:image/jpeg;base64,${chunk.textContent.slice(start, start + thumbnailLengths[row])}`;
}
