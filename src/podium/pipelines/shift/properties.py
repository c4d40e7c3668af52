"""The properties by which training and test images are compared, one row an image."""

from typing import Any

import numpy as np
import pandas as pd

APPEARANCE = {
    "brightness": "levels, 0 to 255",
    "contrast": "levels of 255",
    "sharpness": "squared levels",
    "noise": "levels of 255",
    "colourfulness": "0: gray",
    "horizontal_gradients": "share",
    "line_direction": "1: across, 0: down",
    "absolute_skew_degrees": "degrees",
    "top_heaviness": "share of height",
    "left_heaviness": "share of width",
    "aspect_ratio": "width / height",
}
"""What a model may see, whatever its input size, by the property's unit."""
FILES = {"width_px": "px", "height_px": "px", "megapixels": "million px", "bytes_per_pixel": "bytes / px"}
"""What only the files tell."""
UNITS = APPEARANCE | FILES
LOGARITHMIC = ("sharpness", "megapixels", "bytes_per_pixel", "width_px", "height_px", "aspect_ratio")
"""Properties that are drawn over a logarithmic axis, as their ratios count."""


def gather_properties(images: pd.DataFrame, survey: dict[str, Any]) -> pd.DataFrame:
    """Look up the properties of images.

    The skew counts without its sign: pages that were turned this way and that differ from upright ones in its size.

    Args:
        images: sha256, width_px, height_px, n_bytes.
        survey: folder of the survey.

    Returns:
        One row an image, in the same order, numbered from 0; a float64 column for each of :data:`UNITS`, NaN where an
        image has no such property.

    Raises:
        InputError: Images are not in the survey; all are listed.
    """
    from podium.survey import Survey

    values = Survey(survey["folder"]).read_properties(images["sha256"].tolist())
    width, height = (images[name].to_numpy(np.float64) for name in ("width_px", "height_px"))
    values = values.assign(
        absolute_skew_degrees=values["skew_degrees"].abs(),
        aspect_ratio=width / height,
        width_px=width,
        height_px=height,
        megapixels=width * height / 1e6,
        bytes_per_pixel=images["n_bytes"].to_numpy(np.float64) / (width * height),
    )
    return values[list(UNITS)]
