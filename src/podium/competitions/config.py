"""What a user writes under ``competitions:``, checked: one model a format."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, field_validator

from podium.errors import suggest

SidePx = Annotated[int, Field(ge=32, le=2048)]


class DemoDrawing(BaseModel):
    """What to draw for the demo. Equal drawings give equal files, byte for byte.

    Attributes:
        n_people: People in the training part, seven pictures each; six are the fewest that fill all 18 classes.
        n_test_people: People in the test part, seven pictures each; 0 leaves the test part out.
        image_size_px: Side of a square picture, or (height, width).
        seed: Another seed gives other people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_people: int = Field(default=90, ge=6, le=999_999)
    n_test_people: int = Field(default=30, ge=0)
    image_size_px: SidePx | tuple[SidePx, SidePx] = 96
    seed: int = Field(default=0, ge=0)

    @property
    def height_and_width_px(self) -> tuple[int, int]:
        """Height and width of every picture."""
        size = self.image_size_px
        return (size, size) if isinstance(size, int) else size


class LabelShift(BaseModel):
    """A number from ``at_least`` on is trained as if it were ``counts_as``; both in the unit of the raw column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_least: FiniteFloat
    counts_as: FiniteFloat


class _CompetitionBase(BaseModel):
    """What all formats share."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    banded_attributes: ClassVar[tuple[str, ...]] = ()

    root: Path
    corrections: list[Path] = Field(default_factory=list, description="marks; a later file overrules an earlier one")
    label_shift: dict[str, LabelShift] = Field(default_factory=dict)

    @field_validator("label_shift")
    @classmethod
    def _name_banded_attributes(cls, shifts: dict[str, LabelShift]) -> dict[str, LabelShift]:
        """Refuse an attribute that has no number behind it: its shift would silently do nothing."""
        for name in shifts:
            if not cls.banded_attributes:
                raise ValueError(f"'{name}': this format has no attribute to shift; remove the entry")
            if name not in cls.banded_attributes:
                raise ValueError(f"'{name}' is no attribute with a number; {suggest(name, cls.banded_attributes)}")
        return shifts


class MaskProfiles(_CompetitionBase):
    """``train/train.csv`` and a folder a person; 18 classes of mask, gender and age."""

    banded_attributes: ClassVar[tuple[str, ...]] = ("age",)

    format: Literal["mask_profiles"]
    label_shift: dict[str, LabelShift] = Field(
        default_factory=lambda: {"age": LabelShift(at_least=58, counts_as=60)}, description="years"
    )
    draw: DemoDrawing | None = None


class IdTarget(_CompetitionBase):
    """``train.csv`` (ID, target), ``meta.csv``, ``sample_submission.csv``, ``train/`` and ``test/``."""

    format: Literal["id_target"]
    group_column: Annotated[str, Field(min_length=1)] | None = None


class ImageFolder(_CompetitionBase):
    """``train/<class name>/`` and ``test/``."""

    format: Literal["image_folder"]


FORMATS = ("mask_profiles", "id_target", "image_folder")


def _check_format(value: Any) -> Any:
    """Name the nearest format before pydantic lists them all."""
    if isinstance(value, dict):
        if "format" not in value:
            raise ValueError(f"'format' is missing; {suggest('', FORMATS)}")
        if value["format"] not in FORMATS:
            raise ValueError(f"format '{value['format']}' is unknown; {suggest(value['format'], FORMATS)}")
    return value


Competition = Annotated[
    Annotated[MaskProfiles | IdTarget | ImageFolder, Field(discriminator="format")], BeforeValidator(_check_format)
]
"""Any competition; ``format`` says which."""
