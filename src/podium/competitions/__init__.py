"""One reader a format: the organisers' folder as tables, every fault in it named before an image is opened."""

from pathlib import Path

from podium.competitions.config import Competition, IdTarget, ImageFolder, MaskProfiles
from podium.competitions.id_target import read_id_target
from podium.competitions.image_folder import read_image_folder
from podium.competitions.listing import Attribute, Listing
from podium.competitions.mask_profiles import read_mask_profiles
from podium.errors import InputError

__all__ = ["Attribute", "Competition", "IdTarget", "ImageFolder", "Listing", "MaskProfiles", "read_competition"]


def read_competition(competition: Competition, name: str = "<name>") -> Listing:
    """Read one competition by the reader of its format; draw it first when it is a drawn one.

    Args:
        competition: Its format and root.
        name: What the user calls it, for messages.

    Returns:
        Its images, classes and submission template.

    Raises:
        InputError: The root is missing, or something in it is missing or does not fit; all of it is listed.
    """
    if isinstance(competition, MaskProfiles) and competition.draw is not None:
        from podium.competitions.demo import draw_demo  # which brings OpenCV along

        draw_demo(competition.root, competition.draw)
    _check_root(competition.root, name)
    match competition:
        case MaskProfiles():
            return read_mask_profiles(competition.root)
        case IdTarget():
            return read_id_target(competition.root, competition.group_column)
        case ImageFolder():
            return read_image_folder(competition.root)


def _check_root(root: Path, name: str) -> None:
    if root.is_dir():
        return
    fault = "is no folder" if root.exists() else "there is no such folder"
    case = f"competitions.{name}.root: '{root}' {fault} (looked for {root.absolute()}); give the organisers' folder"
    raise InputError(f"competition {name} cannot be read", [case])
