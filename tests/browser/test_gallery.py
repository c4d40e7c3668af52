import dataclasses
from typing import Any

import numpy as np
import pytest

from browser.drawn_gallery import draw_gallery


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"thumbnails": [b""]}, "1 thumbnails of 8 images"),
        ({"main": "nobody"}, "nobody"),
        ({"reference": "누구"}, "누구"),
        ({"class_only": ["x"]}, "x"),
        ({"voters": ["y"]}, "y"),
        ({"members": {"ensemble": np.zeros((8, 3), np.float32)}, "voters": None}, "ensemble is of shape"),
        ({"n_images_known": 7}, "8 images are shown of 7"),
        ({"heat_maps": {8: np.zeros((2, 2), np.uint8)}}, "no row among 8"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        draw_gallery(8, **changes)


def test_missing_columns_and_values_of_attributes_are_named() -> None:
    gallery = draw_gallery(8)
    with pytest.raises(ValueError, match="suspicion"):
        dataclasses.replace(gallery, images=gallery.images.drop(columns="suspicion"))
    short = {"mask": dataclasses.replace(gallery.attributes["mask"], of_class=[0, 1])}
    with pytest.raises(ValueError, match="mask has values for 2 of 4"):
        dataclasses.replace(gallery, attributes=short)
