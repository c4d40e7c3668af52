"""What copies of a picture are found by, although they were cut, turned, mirrored or saved anew.

Local features: SIFT (Lowe, 2004, "Distinctive Image Features from Scale-Invariant Keypoints") as RootSIFT (Arandjelović
and Zisserman, 2012, "Three things everyone should know to improve object retrieval"): the square root of each
descriptor's shares, so that the product of two descriptors is the Hellinger kernel. With them a gray picture, large
enough to tell two pages of one form apart.
"""

import struct
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]

N_MOST = 160
"""Keypoints that are kept of a picture."""

N_BINS = 128
"""Of a descriptor: 4 x 4 places by 8 directions."""

GRAY_PX = 640
"""Long side of the gray picture; a smaller one stays as it is."""

LEAST_SIDE_PX = 24
"""Pictures with a shorter side hold too little; they have no keypoints."""

_RECORD = np.dtype([("x", "<f4"), ("y", "<f4"), ("size", "<f4"), ("angle", "<f4"), ("bins", "u1", N_BINS)])
_HEADER = struct.Struct("<HII")
_JPEG_QUALITY = 70
_LONG_SIDE_PX = 256
_LEAST_CONTRAST = 0.01
_CELLS = 4
_FEW = 80
_UNIT = 512.0


@dataclass(frozen=True)
class Keypoints:
    """The keypoints of one picture, and a gray copy of it.

    Attributes:
        places: float64 (n, 2): x and y, as shares of the picture's long side.
        sizes: float64 (n,): diameters, as shares of the long side.
        angles: float64 (n,): directions in degrees, clockwise from the right.
        bins: uint8 (n, 128), of the descriptors.
        width, height: Of the picture, as shares of its long side.
        jpeg: The gray picture, at most :data:`GRAY_PX` a side, as a JPEG file.
    """

    places: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.float64]
    angles: npt.NDArray[np.float64]
    bins: npt.NDArray[np.uint8]
    width: float
    height: float
    jpeg: bytes

    def __len__(self) -> int:
        """Count the keypoints."""
        return len(self.places)

    @property
    def descriptors(self) -> npt.NDArray[np.float32]:
        """The descriptors, float32 (n, 128), of length 1."""
        bins = self.bins.astype(np.float32)
        return np.asarray(bins / np.sqrt(np.maximum((bins * bins).sum(axis=1, keepdims=True), 1e-6)), dtype=np.float32)

    def mirror(self) -> "Keypoints":
        """Return what the picture has when it is mirrored, left to right; ``jpeg`` stays as it is.

        Seen along its direction, a mirrored keypoint has its sides exchanged: the rows of its 4 x 4 places change their
        order, and its 8 directions their turning sense.
        """
        bins = np.arange(N_BINS).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()
        places = np.stack([self.width - self.places[:, 0], self.places[:, 1]], axis=1)
        return replace(self, places=places, angles=(180.0 - self.angles) % 360.0, bins=self.bins[:, bins])

    def read_gray(self) -> Gray:
        """Decode the gray picture, uint8 (height, width)."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def describe_keypoints(image: npt.NDArray[np.uint8]) -> bytes:
    """Find and describe the keypoints of a picture that copies of it will most likely have, too.

    The picture is brought to one size first, small ones enlarged, so that a copy of another size has the same. Where
    that leaves few, as on pages with a line or two, fine ones are looked for, too. Strong and large keypoints are kept,
    spread over the picture, so that a part that was cut out still has some.

    Args:
        image: uint8, (height, width, 3), RGB, upright.

    Returns:
        At most :data:`N_MOST` keypoints and the gray picture, for :func:`unpack_keypoints`.
    """
    height, width = image.shape[:2]
    gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    points, bins = _find(gray, _LONG_SIDE_PX)
    if len(points) < _FEW and max(gray.shape) > _LONG_SIDE_PX:
        more = _find(gray, min(max(gray.shape), GRAY_PX))
        points, bins = np.concatenate([points, more[0]]), np.concatenate([bins, more[1]])
    kept = _choose(points, width / max(gray.shape), height / max(gray.shape))
    records = np.zeros(len(kept), dtype=_RECORD)
    for column, name in enumerate(("x", "y", "size", "angle")):
        records[name] = points[kept, column]
    records["bins"] = bins[kept]
    return _HEADER.pack(len(records), width, height) + records.tobytes() + _encode(gray)


def unpack_keypoints(data: bytes) -> Keypoints:
    """Read what :func:`describe_keypoints` wrote."""
    n, width, height = _HEADER.unpack_from(data)
    records = np.frombuffer(data, _RECORD, n, _HEADER.size)
    long_side = max(width, height)
    return Keypoints(
        places=np.stack([records["x"], records["y"]], axis=1).astype(np.float64),
        sizes=records["size"].astype(np.float64),
        angles=records["angle"].astype(np.float64),
        bins=np.ascontiguousarray(records["bins"]),
        width=width / long_side,
        height=height / long_side,
        jpeg=data[_HEADER.size + records.nbytes :],
    )


def _encode(gray: Gray) -> bytes:
    if max(gray.shape) > GRAY_PX:
        gray = _resize(gray, GRAY_PX)
    return bytes(cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1])


def _resize(gray: Gray, long_side_px: int) -> Gray:
    """Scale to a long side; the short one has a pixel at least."""
    height, width = gray.shape
    scale = long_side_px / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(gray, size, interpolation=how), dtype=np.uint8)


def _find(gray: Gray, long_side_px: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """Find keypoints of a picture that is brought to a long side.

    Returns:
        x, y, size, angle and response of each, float64 (n, 5), the first three as shares of the long side; and the bins
        of its descriptor, uint8 (n, 128).
    """
    finder = cv2.SIFT_create(contrastThreshold=_LEAST_CONTRAST)  # type: ignore[attr-defined]
    is_large = min(gray.shape) >= LEAST_SIDE_PX
    found, descriptors = finder.detectAndCompute(_resize(gray, long_side_px), None) if is_large else ((), None)
    table = np.array([(*p.pt, p.size, p.angle, p.response) for p in found], dtype=np.float64).reshape(-1, 5)
    table[:, :3] /= long_side_px
    if descriptors is None:
        return table, np.zeros((0, N_BINS), np.uint8)
    shares = descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-12)
    return table, np.minimum(np.rint(np.sqrt(shares) * _UNIT), 255).astype(np.uint8)


def _choose(table: npt.NDArray[np.float64], width: float, height: float) -> npt.NDArray[np.int64]:
    """Choose keypoints in turn from each cell of a grid, the best first; equal ones by their place.

    Args:
        table: float64, (n, 5): x, y, size, angle, response.
        width, height: Of the picture, as shares of its long side.

    Returns:
        int64, (at most :data:`N_MOST`,): rows of the table, the same whatever their order was.
    """
    x, y, size, angle, response = table.T
    cells = (y * _CELLS // height).astype(np.int64) * _CELLS + (x * _CELLS // width).astype(np.int64)
    order = np.lexsort((angle, x, y, -response * size))
    rank = np.empty(len(table), dtype=np.int64)
    for cell in np.unique(cells):
        rows = order[cells[order] == cell]
        rank[rows] = np.arange(len(rows))
    return order[np.argsort(rank[order], kind="stable")][:N_MOST]
