"""What a model is shown: one object for training, validation, test and serving."""

from dataclasses import asdict, dataclass
from typing import Any

from podium.vision.recipe import ProgressiveConfig


@dataclass(frozen=True)
class InputSpec:
    """Size, crop and normalisation of a model's input.

    Attributes:
        height_px, width_px: Size of the input.
        resize: How pictures of another shape come to that size: ``stretch``, ``pad`` or ``crop``.
        center_crop_px: Height and width that are cut out of the middle before resizing; None cuts nothing.
        interpolation: ``nearest``, ``bilinear``, ``bicubic`` or ``lanczos``, as the backbone was trained.
        mean, std: Per channel (R, G, B), on the scale of 0 to 1.
    """

    height_px: int
    width_px: int
    resize: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    center_crop_px: tuple[int, int] | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width."""
        return self.height_px, self.width_px

    @property
    def preparation(self) -> str:
        """Everything that decides over the pixels, as in ``64x64-pad-bicubic`` or ``64x48-crop-nearest-center80x60``.

        Two specs of the same preparation may share prepared pictures, whatever their mean and standard deviation.
        """
        name = f"{self.height_px}x{self.width_px}-{self.resize}-{self.interpolation}"
        if self.center_crop_px is not None:
            name += f"-center{self.center_crop_px[0]}x{self.center_crop_px[1]}"
        return name

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "InputSpec":
        """Read what :meth:`to_dict` wrote, perhaps by way of JSON, which knows no tuples."""
        fields: dict[str, Any] = {key: tuple(part) if isinstance(part, list) else part for key, part in values.items()}
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


def find_epoch_size(spec: InputSpec, config: ProgressiveConfig, epoch: int) -> tuple[int, int]:
    """Say how large the training pictures of an epoch are, in steps of 16 px; the full size from ``epochs`` on.

    Args:
        spec: The full size.
        config: Progressive resizing.
        epoch: Counted from 0.

    Returns:
        Height and width in pixels, at least 32 and at most the full ones.
    """
    if epoch >= config.epochs:
        return spec.size_px
    share = config.start_share + (1.0 - config.start_share) * epoch / config.epochs
    height_px, width_px = (min(max(32, round(side * share / 16) * 16), side) for side in spec.size_px)
    return height_px, width_px
