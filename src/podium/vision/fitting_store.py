"""The image store, opened for a recipe that it was made for."""

from pathlib import Path

from podium.errors import InputError
from podium.vision.image_store import ImageStore
from podium.vision.input_spec import InputSpec


def open_store(folder: Path, spec: InputSpec) -> ImageStore:
    """Open the store at ``folder``, once it is known to hold pictures as ``spec`` wants them.

    Raises:
        InputError: The store holds pictures of another size, or cropped, resized or interpolated in another way.
    """
    store = ImageStore(folder)
    if store.preparation != spec.preparation:
        raise InputError(
            "The image store was made for another recipe:",
            [
                f"input: the recipe wants {spec.preparation}, the store holds {store.preparation}; "
                "kedro run --pipeline train makes the one it needs"
            ],
        )
    return store
