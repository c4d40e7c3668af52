"""The image store, opened for a recipe that it was made for."""

from pathlib import Path

from podium.errors import InputError
from podium.vision.backbones import InputSpec
from podium.vision.image_store import ImageStore


def open_store(folder: Path, spec: InputSpec) -> ImageStore:
    """Open the store at ``folder``, once it is known to hold pictures as ``spec`` wants them.

    Raises:
        InputError: The store holds pictures of another size, or resized in another way.
    """
    store = ImageStore(folder)
    held, wanted = (*store.size_px, store.resize), (spec.height_px, spec.width_px, spec.resize)
    if held != wanted:
        raise InputError(
            "The image store was made for another recipe:",
            [
                f"input: the recipe wants {wanted[0]}x{wanted[1]} px ({wanted[2]}), the store holds "
                f"{held[0]}x{held[1]} ({held[2]}); kedro run --pipeline train makes the one it needs"
            ],
        )
    return store
