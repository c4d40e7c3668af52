"""How large the pictures are, and what size of input that suggests."""

import os
from typing import Any

import numpy as np
import pandas as pd

QUANTILES = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
STEP_PX = 32
"""Most backbones halve their input five times, so sides come in multiples of 2 ** 5."""

START_PX = 224
"""Short side to begin with: the size that most backbones were trained at first, and quick to try things with."""

CANDIDATES_PX = (32, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024)
ALIKE = 1.15
"""Aspect ratios within this factor of the input's are stretched without anybody noticing."""

MOST = 0.9
FEW = 0.1


def measure_sizes(images: pd.DataFrame) -> pd.DataFrame:
    """Describe the sizes of each part by quantiles.

    Args:
        images: subset, width_px, height_px and n_bytes.

    Returns:
        subset, property (``width_px``, ``height_px``, ``short_side_px``, ``aspect_ratio``, width over height,
        ``megapixels``, ``n_bytes``), n_images, and one float64 column a quantile.
    """
    values = _list_properties(images)
    rows = []
    for subset in _list_subsets(images):
        part = values[(images["subset"] == subset).to_numpy()]
        for name in values:
            quantiles = np.quantile(part[name], list(QUANTILES.values()))
            rows.append((subset, name, len(part), *(float(value) for value in quantiles)))
    return pd.DataFrame(rows, columns=["subset", "property", "n_images", *QUANTILES])


def count_formats(images: pd.DataFrame) -> pd.DataFrame:
    """Count the files of each suffix: subset, suffix (lower case), n_images, share of the part, median_bytes.

    Args:
        images: image_id, subset and n_bytes.
    """
    suffixes = images["image_id"].map(lambda name: os.path.splitext(name)[1].lower()).astype("str")
    table = pd.DataFrame({"subset": images["subset"], "suffix": suffixes, "n_bytes": images["n_bytes"]})
    by_suffix = table.groupby(["subset", "suffix"])["n_bytes"]
    counts = pd.DataFrame({"n_images": by_suffix.size(), "median_bytes": by_suffix.median().astype("float64")})
    counts["share"] = counts["n_images"] / counts.groupby(level=0)["n_images"].transform("sum")
    ordered = counts.reset_index().sort_values(["subset", "n_images", "suffix"], ascending=[False, False, True])
    columns = ["subset", "suffix", "n_images", "share", "median_bytes"]
    return pd.concat([ordered[ordered["subset"] == part] for part in _list_subsets(images)], ignore_index=True)[columns]


def suggest_input(images: pd.DataFrame) -> dict[str, Any]:
    """Propose what to write under ``input`` of a recipe, with the reasons.

    The short side is a multiple of 32 and not above the median one of the part whose pictures are smaller; the aspect
    ratio is the median one, or square where pictures stand and lie.

    Args:
        images: subset, width_px and height_px.

    Returns:
        size_px (height, width) to begin with, resize, largest_size_px, median_short_side_px by part,
        median_aspect_ratio, share_enlarged (of the images of each part, at size_px), candidates (each size_px,
        share_enlarged of all images and relative_pixels, those of size_px being 1; up to the step beyond
        largest_size_px), reasons (sentences).
    """
    shorts = {part: float(_find_short(images[images["subset"] == part]).median()) for part in _list_subsets(images)}
    ratio, resize, why_aspect = _choose_aspect(images)
    longest = float(images[["width_px", "height_px"]].max(axis=1).median())
    largest = _fit_size(_step_down(min(shorts.values())), ratio, longest)
    size = _fit_size(min(START_PX, *largest), ratio, longest)
    sides = [side for side in CANDIDATES_PX if side <= min(largest)]
    beyond = [side for side in CANDIDATES_PX if side > min(largest)][:1]
    candidates = sorted({largest, *(_fit_size(side, ratio, longest) for side in sides + beyond)})
    return {
        "size_px": list(size),
        "resize": resize,
        "largest_size_px": list(largest),
        "median_short_side_px": shorts,
        "median_aspect_ratio": float(_find_aspect(images).median()),
        "share_enlarged": {
            part: _share_enlarged(images[images["subset"] == part], size, resize) for part in _list_subsets(images)
        },
        "candidates": [
            {
                "size_px": list(candidate),
                "share_enlarged": _share_enlarged(images, candidate, resize),
                "relative_pixels": candidate[0] * candidate[1] / (size[0] * size[1]),
            }
            for candidate in candidates
        ],
        "reasons": [
            *_explain_side(size, largest, shorts),
            *_explain_next(images, candidates[-1], largest, resize),
            *why_aspect,
        ],
    }


def word_hint(hint: dict[str, Any]) -> str:
    """Write the proposal as a line of a recipe, with what is enlarged at that size."""
    enlarged = ", ".join(f"{share:.0%} of {part}" for part, share in hint["share_enlarged"].items())
    height, width = hint["size_px"]
    return f"input: {{size_px: [{height}, {width}], resize: {hint['resize']}}} would enlarge {enlarged}"


def _list_properties(images: pd.DataFrame) -> pd.DataFrame:
    width, height = (images[name].to_numpy(np.float64) for name in ("width_px", "height_px"))
    return pd.DataFrame(
        {
            "width_px": width,
            "height_px": height,
            "short_side_px": np.minimum(width, height),
            "aspect_ratio": width / height,
            "megapixels": width * height / 1e6,
            "n_bytes": images["n_bytes"].to_numpy(np.float64),
        }
    )


def _list_subsets(images: pd.DataFrame) -> list[str]:
    present = set(images["subset"])
    return [part for part in ("train", "test") if part in present]


def _find_short(images: pd.DataFrame) -> pd.Series:
    return images[["width_px", "height_px"]].min(axis=1).astype("float64")


def _find_aspect(images: pd.DataFrame) -> pd.Series:
    return images["width_px"].astype("float64") / images["height_px"].astype("float64")


def _choose_aspect(images: pd.DataFrame) -> tuple[float, str, list[str]]:
    """Choose width over height, the way of resizing, and say why."""
    aspect = _find_aspect(images)
    if min((aspect > ALIKE).mean(), (aspect < 1 / ALIKE).mean()) >= FEW:
        shares = {part: float((aspect[images["subset"] == part] > ALIKE).mean()) for part in _list_subsets(images)}
        lying = " and ".join(f"{share:.0%} of {part}" for part, share in shares.items())
        standing = f"{float((aspect < 1 / ALIKE).mean()):.0%} of all higher than wide"
        reason = f"{lying} are wider than high, {standing}: a square holds both"
        return 1.0, "pad", [reason, "resize: pad keeps their aspect ratio"]
    median = float(aspect.median())
    alike = float((np.abs(np.log(aspect / median)) <= np.log(ALIKE)).mean())
    reason = f"the median width is {median:.2f} of the height, and {alike:.0%} of the pictures are within 15 % of that"
    if alike >= MOST:
        return median, "stretch", [reason, "resize: stretch changes few of them visibly"]
    return median, "pad", [reason, "resize: pad keeps the others' aspect ratio"]


def _fit_size(short_px: int, ratio: float, longest_px: float) -> tuple[int, int]:
    """Return height and width in steps of 32, the long side not above the median one."""
    stretched = short_px * max(ratio, 1 / ratio)
    long_px = max(short_px, min(round(stretched / STEP_PX) * STEP_PX, _step_down(longest_px)))
    return (short_px, long_px) if ratio >= 1 else (long_px, short_px)


def _step_down(side_px: float) -> int:
    return max(STEP_PX, int(side_px // STEP_PX) * STEP_PX)


def _share_enlarged(images: pd.DataFrame, size: tuple[int, int], resize: str) -> float:
    """Return the share of pictures that get more pixels along an axis than they have."""
    height, width = (images[name].to_numpy(np.float64) for name in ("height_px", "width_px"))
    scales = np.stack([size[0] / height, size[1] / width])
    scale = scales.min(axis=0) if resize == "pad" else scales.max(axis=0)  # padding scales both axes alike
    return float((scale > 1).mean())


def _explain_side(size: tuple[int, int], largest: tuple[int, int], shorts: dict[str, float]) -> list[str]:
    medians = " and ".join(f"{short:.0f} px in {part}" for part, short in shorts.items())
    reasons = [f"the median short side is {medians}"]
    if min(shorts.values()) < STEP_PX:
        reasons.append(f"that is less than {STEP_PX} px, the smallest input that most backbones take")
    elif size != largest:
        factor = largest[0] * largest[1] / (size[0] * size[1])
        reasons.append(
            f"a short side of {min(size)} px is a start; up to {largest[0]}x{largest[1]} px (height x width) there is "
            f"more to see, at {factor:.1f} times the pixels and about as much more time"
        )
    return reasons


def _explain_next(images: pd.DataFrame, beyond: tuple[int, int], largest: tuple[int, int], resize: str) -> list[str]:
    """Say what the step beyond the largest size costs, since pictures just below a multiple of 32 lose most by it."""
    share = _share_enlarged(images, beyond, resize)
    return (
        [f"{beyond[0]}x{beyond[1]} px would enlarge {share:.0%} of the pictures"] if beyond != largest and share else []
    )
