"""What the page of images shows: images, classes, and what each member says of every image."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

Probabilities = npt.NDArray[np.float32]

TRAIN, TEST = "train", "test"
COLUMNS = ("image_id", "subset", "label", "fold", "group_id", "original", "suspicion", "suggested")


@dataclass(frozen=True)
class AttributeOfClasses:
    """One attribute of composite classes.

    Attributes:
        values: Names of its values.
        of_class: Position in ``values`` of the value that each class has, by label.
    """

    values: Sequence[str]
    of_class: Sequence[int]


@dataclass(frozen=True)
class Section:
    """A part of the page that is read rather than clicked.

    Attributes:
        title: Shown above it and in the list of sections.
        anchor: Its id in the page: letters, digits and hyphens; those of the page itself begin with ``podium-``.
        html: Safe HTML without scripts. A link with ``data-images='{"true": 3, "predicted": 5}'`` opens the images
            that fit; :mod:`podium.browser` lists the keys.
    """

    title: str
    anchor: str
    html: str


@dataclass(frozen=True)
class Gallery:
    """Everything that the page shows.

    Attributes:
        title: Of the page.
        competition: Names the file of marks, and keeps marks of several competitions apart.
        class_names: By label.
        attributes: By name, the attributes of composite classes; none for plain ones.
        images: image_id (str), subset (``train`` or ``test``), label (Int64, null where unknown), fold (Int64, null
            where none held it out), group_id (str, null where none), original (str, path of the organisers' file
            relative to the page, with forward slashes; ``''``: none), suspicion (float64, 0 to 1, higher is more
            suspect; NaN: not a suspect) and suggested (Int64, the label that a suspect should have; null: none). One
            row an image, in the order in which the page counts them.
        members: By name, what each says: float32 (n_images, n_classes), rows that sum to 1, or of NaN where the member
            says nothing of the image.
        main: The member whose class counts as predicted when the page opens; the viewer may choose another.
        thumbnails: JPEG files, one an image; ``b''`` where there is none.
        heat_maps: By row of ``images``, uint8 (height, width) over the whole picture, from its upper left corner to its
            lower right one; 255 is where the most evidence is.
        sections: Shown on the first view of the page, in this order.
        class_only: Members that handed over classes alone, as rows of one 1 among zeros. The page shows no
            probabilities, losses and margins of them.
        voters: The members whose disagreement counts; None: all. An ensemble of the others adds no vote of its own.
        reference: The member that others are held against where no true classes are known; ``''``: the true classes.
        n_images_known: How many images there are, where only some of them are shown; None: all are shown.
        heat_map_title: What the heat maps show, such as ``evidence of lite0_a for its class (Grad-CAM)``.
        content: A digest of all images and labels of which the page shows some: marks that were kept for it are found
            again when another choice of them is shown; ``''``: those shown are all.
    """

    title: str
    competition: str
    class_names: Sequence[str]
    attributes: Mapping[str, AttributeOfClasses]
    images: pd.DataFrame
    members: Mapping[str, Probabilities]
    main: str
    thumbnails: Sequence[bytes]
    heat_maps: Mapping[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    class_only: Collection[str] = ()
    voters: Collection[str] | None = None
    reference: str = ""
    n_images_known: int | None = None
    heat_map_title: str = ""
    content: str = ""

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together.

        Raises:
            ValueError: A column, a row or a name is missing, or there is one too many.
        """
        missing = [column for column in COLUMNS if column not in self.images]
        if missing:
            raise ValueError(f"images lacks the columns {missing}")
        n_images, n_classes = len(self.images), len(self.class_names)
        if len(self.thumbnails) != n_images:
            raise ValueError(f"there are {len(self.thumbnails)} thumbnails of {n_images} images")
        for name, chances in self.members.items():
            if chances.shape != (n_images, n_classes):
                raise ValueError(f"member {name} is of shape {chances.shape}, not {(n_images, n_classes)}")
        for name, attribute in self.attributes.items():
            if len(attribute.of_class) != n_classes:
                raise ValueError(f"attribute {name} has values for {len(attribute.of_class)} of {n_classes} classes")
        named = {self.main, *self.class_only, *(self.voters or ()), *([self.reference] if self.reference else ())}
        if not named <= set(self.members):
            raise ValueError(f"no such members: {sorted(named - set(self.members))}")
        if self.n_images_known is not None and self.n_images_known < n_images:
            raise ValueError(f"{n_images} images are shown of {self.n_images_known}")
        if any(row not in range(n_images) for row in self.heat_maps):
            raise ValueError(f"a heat map is of no row among {n_images}")
