"""The recipe: everything that defines one trained model. Where it trains is not its concern."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from podium.competitions.config import LabelShift

Criterion = Literal["macro_f1", "accuracy", "loss"]
Flip = Literal["none", "horizontal", "vertical", "both"]
Pixels = Annotated[int, Field(ge=8, le=4096)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class ModelConfig(_Part):
    """A timm backbone with a linear head.

    Attributes:
        backbone: Any name that ``timm.create_model`` knows.
        pretrained: ``true`` asks timm for its weights (needs a network or timm's cache), a path loads a local
            safetensors or state-dict file, ``false`` starts from scratch.
        drop_rate: Dropout before the head.
        drop_path_rate: Stochastic depth (Huang et al., 2016); 0 also suits backbones that have none.
    """

    backbone: str = "resnet10t"
    pretrained: bool | Path = False
    drop_rate: Share = 0.0
    drop_path_rate: Share = 0.0


class InputConfig(_Part):
    """What the model sees.

    Attributes:
        size_px: Height and width; null takes the backbone's own.
        resize: ``stretch`` to that size, ``pad`` or ``crop`` to keep the aspect ratio.
    """

    size_px: tuple[Pixels, Pixels] | None = None
    resize: Literal["stretch", "pad", "crop"] = "stretch"


class VariantsConfig(_Part):
    """How often an epoch draws an image, each time augmented anew.

    Attributes:
        n_per_image: Draws of every image.
        min_per_class: Images of smaller classes are drawn more often until the class has this many draws.
    """

    n_per_image: int = Field(1, ge=1)
    min_per_class: int = Field(0, ge=0)


class LossConfig(_Part):
    """A loss on logits and, with mixing or smoothing, soft targets.

    Attributes:
        name: ``focal`` is Lin et al. (2017), here over softmax probabilities.
        label_smoothing: Share of the target spread evenly over all classes (Szegedy et al., 2016).
        gamma: Focusing exponent of ``focal``.
    """

    name: Literal["cross_entropy", "focal"] = "cross_entropy"
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    gamma: float = Field(2.0, ge=0.0)


class OptimizerConfig(_Part):
    """An optimizer by its name in timm's factory; norms and biases are never decayed."""

    name: str = "adamw"
    lr: float = Field(1e-3, gt=0.0)
    weight_decay: float = Field(0.05, ge=0.0)


class ScheduleConfig(_Part):
    """The learning rate over the steps of training.

    Attributes:
        name: ``constant``, or ``cosine`` (Loshchilov and Hutter, 2017) down to ``final_lr_share`` of the rate.
        warmup_epochs: Linear rise from zero, in epochs; may be a fraction.
    """

    name: Literal["constant", "cosine"] = "cosine"
    warmup_epochs: float = Field(1.0, ge=0.0)
    final_lr_share: Share = 0.01


class MixingConfig(_Part):
    """Mixup (Zhang et al., 2018) and cutmix (Yun et al., 2019), on the device; an alpha of 0 leaves one out.

    Attributes:
        batch_share: Share of batches that are mixed at all.
    """

    mixup_alpha: float = Field(0.0, ge=0.0)
    cutmix_alpha: float = Field(0.0, ge=0.0)
    batch_share: Share = 1.0


class Recipe(_Part):
    """One trained model, by name.

    Attributes:
        name: Its key under ``recipes``.
        based_on: The recipe whose values hold where this one is silent.
        label_shift: Which numbers count as others in training labels: null takes the competition's own rule, ``{}``
            shifts nothing. Scores are always on true labels.
        sampler: ``weighted`` draws classes evenly (an image with a chance of 1 over its class's count), with
            replacement; ``none`` draws every variant once an epoch.
        criterion: The one number that early stopping, the choice of the best epoch and reports use.
        early_stopping_epochs: Stop after so many epochs without a better criterion; null never stops early.
        test_time_flips: Views whose probabilities are averaged, out of fold and on the test part.
    """

    name: str
    based_on: str | None = None
    seed: int = Field(42, ge=0)
    model: ModelConfig = ModelConfig()
    input: InputConfig = InputConfig()
    label_shift: dict[str, LabelShift] | None = None
    policy: str = "light"
    variants: VariantsConfig = VariantsConfig()
    sampler: Literal["none", "weighted"] = "none"
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    mixing: MixingConfig = MixingConfig()
    epochs: int = Field(10, ge=1)
    batch_size: int = Field(32, ge=2)
    criterion: Criterion = "macro_f1"
    early_stopping_epochs: int | None = Field(None, ge=1)
    test_time_flips: tuple[Flip, ...] = Field(("none",), min_length=1)
