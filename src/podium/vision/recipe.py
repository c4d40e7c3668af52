"""The recipe: everything that defines one trained model. Where it trains is not its concern."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from podium.competitions.config import LabelShift

Criterion = Literal["macro_f1", "accuracy", "loss"]
View = Literal[
    "none", "horizontal", "vertical", "turn_90", "turn_180", "turn_270", "transpose", "transverse",
    "crop_center", "crop_top_left", "crop_top_right", "crop_bottom_left", "crop_bottom_right",
]  # fmt: skip
Sampler = Literal["none", "weighted", "imbalanced", "oversample"]
PlainLoss = Literal["cross_entropy", "focal", "asymmetric", "soft_macro_f1"]
Loss = Literal["cross_entropy", "focal", "asymmetric", "soft_macro_f1", "weighted_sum"]
Pixels = Annotated[int, Field(ge=8, le=4096)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class ModelConfig(_Part):
    """A backbone and its starting weights.

    Attributes:
        backbone: Any name that ``timm.create_model`` knows, or one of torchvision's where timm has none.
        pretrained: ``true`` starts from the library's weights (from an installed package of weights, the folder of
            starting weights, a cache or the network), a path from a local safetensors or state-dict file, ``false``
            from scratch.
        drop_rate: Dropout before the head.
        drop_path_rate: Stochastic depth (Huang et al., 2016); 0 also suits backbones that have none.
    """

    backbone: str = "resnet10t"
    pretrained: bool | Path = False
    drop_rate: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    drop_path_rate: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class HeadConfig(_Part):
    """What turns a backbone's features into logits.

    Attributes:
        name: ``linear``; ``shallow`` (a hidden layer before the last one) and ``deep`` (two); ``arcface`` (Deng et
            al., 2019); ``per_attribute`` (one linear layer an attribute, joined into the composite class; where a class
            is not made of attributes, that is one layer for the class).
        norm: Whether the hidden layers of ``shallow`` and ``deep`` are normalised.
        n_hidden: Width of the hidden layers.
        start: How the last layer's weights start: ``zero``, which suits a trained backbone, ``small`` (normal, 0.01) or
            ``library`` (as torch draws them). ``arcface`` only knows directions, so it is always drawn.
        margin: Angle in radians that ``arcface`` adds to the true class while training.
        scale: Length to which ``arcface`` stretches its cosines.
    """

    name: Literal["linear", "shallow", "deep", "arcface", "per_attribute"] = "linear"
    norm: bool = True
    n_hidden: int = Field(512, ge=1)
    start: Literal["zero", "small", "library"] = "library"
    margin: Annotated[float, Field(ge=0.0, lt=1.5)] = 0.3
    scale: Positive = 30.0


class ProgressiveConfig(_Part):
    """Progressive resizing (Howard, 2018; Tan and Le, 2021): the first epochs see smaller pictures.

    Attributes:
        epochs: How many epochs grow; 0 switches it off.
        start_share: Side length in the first epoch, as a share of the full one; it grows evenly, in steps of 16 px.
    """

    epochs: int = Field(0, ge=0)
    start_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5


class InputConfig(_Part):
    """What the model sees.

    Attributes:
        size_px: Height and width; null takes the backbone's own.
        resize: ``stretch`` to that size, ``pad`` or ``crop`` to keep the aspect ratio.
        center_crop_px: Height and width that are cut out of the middle first; null cuts nothing. What a smaller
            picture lacks is not made up: it is cut only where it is larger.
        interpolation: Of resizing; null takes the backbone's own.
        progressive: Smaller pictures in the first epochs.
    """

    size_px: tuple[Pixels, Pixels] | None = None
    resize: Literal["stretch", "pad", "crop"] = "stretch"
    center_crop_px: tuple[Pixels, Pixels] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] | None = None
    progressive: ProgressiveConfig = ProgressiveConfig()


class VariantsConfig(_Part):
    """How often an epoch draws an image, each time augmented anew.

    Attributes:
        n_per_image: Draws of every image.
        min_per_class: Images of smaller classes are drawn more often until the class has this many draws. Samplers that
            draw with replacement take from both no more than the number of draws.
    """

    n_per_image: int = Field(1, ge=1)
    min_per_class: int = Field(0, ge=0)


class LossConfig(_Part):
    """A loss on logits and, with mixing or smoothing, soft targets.

    Attributes:
        name: ``cross_entropy``; ``focal`` (Lin et al., 2017, over softmax probabilities); ``asymmetric`` (Ridnik et
            al., 2021, its form for one label); ``soft_macro_f1`` (1 - macro F1 of probabilities); ``weighted_sum`` of
            ``terms``.
        terms: Of ``weighted_sum``: the weight of each loss, as in ``{soft_macro_f1: 0.4, focal: 0.6}``.
        label_smoothing: Share of the target spread evenly over all classes (Szegedy et al., 2016).
        gamma: Focusing exponent of ``focal``.
        gamma_positive, gamma_negative: Exponents of ``asymmetric``, for the true class and for the others, which have
            a say through ``label_smoothing`` or mixing alone. Its authors take 0 and 4, with a smoothing of 0.1.
        class_weights: ``inverse_frequency`` (n / (n_classes * count)) or ``effective_number`` (Cui et al., 2019).
        effective_number_beta: Beta of ``effective_number``.
    """

    name: Loss = "cross_entropy"
    terms: dict[PlainLoss, Positive] = {}
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    gamma: float = Field(2.0, ge=0.0)
    gamma_positive: float = Field(1.0, ge=0.0)
    gamma_negative: float = Field(4.0, ge=0.0)
    class_weights: Literal["none", "inverse_frequency", "effective_number"] = "none"
    effective_number_beta: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999

    @model_validator(mode="after")
    def _require_terms(self) -> "LossConfig":
        if (self.name == "weighted_sum") != bool(self.terms):
            raise ValueError(
                "name 'weighted_sum' and terms go together, as in {name: weighted_sum, terms: {soft_macro_f1: 0.4, "
                f"focal: 0.6}}}} (got name '{self.name}' and {len(self.terms)} terms)"
            )
        return self


class OptimizerConfig(_Part):
    """An optimizer by its name in timm's factory; norms and biases are never decayed.

    Attributes:
        name: Any of ``timm.optim.list_optimizers()``, perhaps behind ``lookahead_``.
        lr: Peak learning rate, of the head where layers differ.
        weight_decay: Of weights alone.
        layer_decay: Each layer further from the head learns at this share of the next one's rate; 1 is the same
            everywhere (Clark et al., 2020).
        clip_norm: Largest norm of a step's gradients; null clips nothing.
        accumulate: Batches whose gradients make one step.
        options: Further arguments of the optimizer, as in ``{betas: [0.9, 0.95]}``.
    """

    name: str = "adamw"
    lr: Positive = 1e-3
    weight_decay: float = Field(0.05, ge=0.0)
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    clip_norm: Positive | None = None
    accumulate: int = Field(1, ge=1)
    options: dict[str, Any] = {}


class ScheduleConfig(_Part):
    """The learning rate over the steps of training, as a factor of its peak.

    Attributes:
        name: ``none`` stays at the peak; ``step`` multiplies by ``factor`` every ``step_epochs``; ``multistep`` at each
            of ``milestones``; ``exponential`` by ``factor`` every epoch, smoothly; ``cosine`` (Loshchilov and Hutter,
            2017) falls to ``final_lr_share``; ``cosine_restarts`` does so again and again; ``one_cycle`` (Smith, 2018)
            rises for ``rise_share`` of training, then falls; ``cyclic`` (Smith, 2017) rises and falls linearly within
            each cycle; ``plateau`` multiplies by ``factor`` when the criterion did not improve for more than
            ``patience_epochs``.
        warmup_epochs: Linear rise from zero before all else, in epochs; may be a fraction. Not for ``one_cycle`` and
            ``cyclic``, which rise by themselves. ``cosine_restarts`` warms up in each cycle.
        final_lr_share: Lowest factor.
        factor: Of ``step``, ``multistep``, ``exponential`` and ``plateau``.
        step_epochs: Of ``step``.
        milestones: Of ``multistep``: epochs after which the rate falls.
        cycle_epochs: Length of the first cycle of ``cosine_restarts``, and of each cycle of ``cyclic``.
        cycle_growth: Each cycle of ``cosine_restarts`` is so many times as long as the one before.
        cycle_decay: The peak of each cycle is this share of the one before.
        rise_share: Of ``one_cycle``.
        patience_epochs: Of ``plateau``.
    """

    name: Literal[
        "none", "step", "multistep", "exponential", "cosine", "cosine_restarts", "one_cycle", "cyclic", "plateau"
    ] = "cosine"
    warmup_epochs: float = Field(1.0, ge=0.0)
    final_lr_share: Share = 0.01
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    step_epochs: int = Field(10, ge=1)
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = (30, 60, 90)
    cycle_epochs: float = Field(10.0, gt=0.0)
    cycle_growth: float = Field(1.0, ge=1.0)
    cycle_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    rise_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.3
    patience_epochs: int = Field(3, ge=0)


class FreezingConfig(_Part):
    """Which parts keep their starting weights.

    Attributes:
        name: ``none``; ``backbone`` trains the head alone; ``first_stages`` keeps the first ``n_stages``; ``melting``
            trains the head first and everything from epoch ``thaw_epoch`` on.
        n_stages: Stages that ``first_stages`` keeps, the stem being the first.
        thaw_epoch: First epoch, counted from 0, in which ``melting`` trains everything.
        norm_statistics: Whether batch norms keep their running means and variances; their weights still learn.
    """

    name: Literal["none", "backbone", "first_stages", "melting"] = "none"
    n_stages: int = Field(2, ge=1)
    thaw_epoch: int = Field(1, ge=1)
    norm_statistics: bool = False


class MixingConfig(_Part):
    """Mixup (Zhang et al., 2018) and cutmix (Yun et al., 2019), on the device; an alpha of 0 leaves one out.

    Attributes:
        batch_share: Share of batches that are mixed at all.
    """

    mixup_alpha: float = Field(0.0, ge=0.0)
    cutmix_alpha: float = Field(0.0, ge=0.0)
    batch_share: Share = 1.0


class AveragingConfig(_Part):
    """Weights averaged over training; validation, the choice of the best epoch and prediction use the average.

    Attributes:
        name: ``ema`` (exponential moving average, over steps) or ``swa`` (Izmailov et al., 2018: the plain mean of
            epochs).
        decay: Of ``ema``. The first steps decay faster, so that the start is soon forgotten.
        start_epoch: First epoch, counted from 0, that goes into the mean of ``swa``.
    """

    name: Literal["none", "ema", "swa"] = "none"
    decay: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.998
    start_epoch: int = Field(0, ge=0)


class DistillationConfig(_Part):
    """Learning from trained members (Hinton et al., 2015), which see the same augmented pictures (Beyer et al., 2022).

    Attributes:
        teachers: Recipes; several teach with the mean of their probabilities. Each fold learns from the teachers'
            weights of the same fold, so that no teacher has seen the images that the student is scored on.
        share: Weight of the teachers' targets against the true ones, 0 to 1.
        temperature: By which both sides' logits are divided.
    """

    teachers: tuple[str, ...] = ()
    share: Share = 0.5
    temperature: Positive = 2.0


class SoupConfig(_Part):
    """The average of finished members' weights (Wortsman et al., 2022); such a recipe trains nothing itself.

    Attributes:
        recipes: Whose members are averaged, fold by fold; all have one architecture. Empty is no soup.
        how: ``uniform`` averages all of them. ``greedy`` begins with the best by ``criterion`` on the held-out images,
            takes the next best in turn, and keeps each with which the soup's score does not fall.
    """

    recipes: tuple[str, ...] = ()
    how: Literal["uniform", "greedy"] = "uniform"


class Recipe(_Part):
    """One trained model, by name.

    Attributes:
        name: Its key under ``recipes``.
        based_on: The recipe whose values hold where this one is silent.
        join: Recipes of single attributes whose members this one joins into the composite class; it trains nothing
            itself.
        soup: Recipes of one architecture whose weights this one averages; it trains nothing itself.
        attribute: Learn this attribute alone; null learns the competition's class. Its probabilities are spread evenly
            over the classes that share a value.
        label_shift: Which numbers count as others in training labels: null takes the competition's own rule, ``{}``
            shifts nothing. Scores are always on true labels.
        sampler: ``none`` draws every variant once an epoch. With replacement, ``imbalanced`` draws classes evenly (a
            chance of 1 over the class's count) and ``weighted`` halfway there (1 over its square root). ``oversample``
            draws every image, and those of smaller classes again until each class is as large as the largest.
        pseudo_labels: Whether training also sees the test images of the table ``pseudo_labels``, under the labels that
            an ensemble gave them; no score is ever on them.
        criterion: The one number that early stopping, the choice of the best epoch, ``plateau`` and the learning
            curves use.
        early_stopping_epochs: Stop after so many epochs without a better criterion; null never stops early.
        prior_adjustment: Power of the training classes' shares by which probabilities are divided outside training, as
            macro F1 likes it where classes are unbalanced (Menon et al., 2021, section 4.1); 0 leaves them, 1 takes all
            of the classes' shares out. It knows nothing of samplers and class weights, which take shares out already.
        test_time_views: Views whose probabilities are averaged, out of fold and on the test part.
    """

    name: str
    based_on: str | None = None
    seed: int = Field(42, ge=0)
    join: tuple[str, ...] = ()
    soup: SoupConfig = SoupConfig()
    attribute: str | None = None
    model: ModelConfig = ModelConfig()
    head: HeadConfig = HeadConfig()
    input: InputConfig = InputConfig()
    label_shift: dict[str, LabelShift] | None = None
    policy: str = "light"
    variants: VariantsConfig = VariantsConfig()
    sampler: Sampler = "none"
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    freezing: FreezingConfig = FreezingConfig()
    mixing: MixingConfig = MixingConfig()
    averaging: AveragingConfig = AveragingConfig()
    distillation: DistillationConfig = DistillationConfig()
    pseudo_labels: bool = False
    epochs: int = Field(10, ge=1)
    batch_size: int = Field(32, ge=2)
    criterion: Criterion = "macro_f1"
    early_stopping_epochs: int | None = Field(None, ge=1)
    prior_adjustment: float = Field(0.0, ge=0.0, le=2.0)
    test_time_views: tuple[View, ...] = Field(("none",), min_length=1)

    @property
    def sources(self) -> tuple[str, ...]:
        """Recipes whose finished members this one joins, averages or is taught by, in that order."""
        return (*self.join, *self.soup.recipes, *self.distillation.teachers)

    @property
    def trains(self) -> bool:
        """Whether it trains anything itself, instead of putting finished members together."""
        return not (self.join or self.soup.recipes)

    @property
    def architecture(self) -> dict[str, Any]:
        """What networks have to share for their weights to have a mean: by leaf, what shapes a network or its input."""
        head = self.head.model_dump(mode="json", exclude={"start", "margin"})  # these two matter in training alone
        shown = self.input.model_dump(mode="json", exclude={"progressive"})
        return {
            "model.backbone": self.model.backbone,
            **{f"head.{key}": value for key, value in head.items()},
            **{f"input.{key}": value for key, value in shown.items()},
            "attribute": self.attribute,
        }

    @model_validator(mode="after")
    def _require_epochs(self) -> "Recipe":
        """Refuse what would begin only after the last epoch; the first one is epoch 0."""
        late = {
            "freezing.thaw_epoch": self.freezing.thaw_epoch if self.freezing.name == "melting" else 0,
            "averaging.start_epoch": self.averaging.start_epoch if self.averaging.name == "swa" else 0,
            "input.progressive.epochs": self.input.progressive.epochs,
        }
        for key, epoch in late.items():
            if epoch >= self.epochs:
                raise ValueError(f"{key}: epoch {epoch} never comes in {self.epochs} epochs, counted from 0")
        return self

    @model_validator(mode="after")
    def _require_plain_logits(self) -> "Recipe":
        if self.head.name == "arcface" and self.distillation.teachers:
            raise ValueError(
                "head.name: 'arcface' moves its logits in training, so it cannot learn those of distillation.teachers"
            )
        return self
