"""Typed parameters of the ensemble pipeline."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from podium.ensembling.criteria import Criterion
from podium.ensembling.judging import Resampling
from podium.ensembling.selection import Bags

Share = Annotated[float, Field(gt=0.0, le=1.0)]
OpenShare = Annotated[float, Field(gt=0.0, lt=1.0)]


class EnsembleConfig(BaseModel):
    """How members become one answer.

    Attributes:
        criterion: What members are ranked and chosen by.
        method: ``greedy`` (Caruana et al., 2004, bagged), ``best_subset`` with equal weights, ``equal`` weights of all,
            or the ``best_single``.
        max_picks: How often ``greedy`` adds a member.
        n_bags: Random subsets of members that ``greedy`` chooses from; 0 chooses once, from all.
        bag_share: Chance of a member to be in such a subset.
        subset_max_members: With more members, ``best_subset`` is not compared: it tries all subsets.
        leave_out: Members that take no part.
        min_certainty: The best single member is kept unless the ensemble beats it in this share of bootstrap draws.
        calibrate: Fit a temperature, so that probabilities mean what they say.
        class_offsets: Move classes against each other for the criterion's sake: ``never``, ``always``, or
            ``when_real``: where that gains as certainly as ``min_certainty`` asks for.
        n_parts: Parts of the training images for nested scores: chosen on all but one, scored on that one.
        n_draws: Bootstrap draws of groups.
        level: Of intervals.
        seed: Of bags, parts and draws.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    criterion: Criterion = "macro_f1"
    method: Literal["greedy", "best_subset", "equal", "best_single"] = "greedy"
    max_picks: int = Field(30, ge=1)
    n_bags: int = Field(20, ge=0)
    bag_share: Share = 0.5
    subset_max_members: int = Field(10, ge=1, le=16)
    leave_out: tuple[str, ...] = ()
    min_certainty: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75
    calibrate: bool = True
    class_offsets: Literal["never", "when_real", "always"] = "when_real"
    n_parts: int = Field(5, ge=2)
    n_draws: int = Field(1000, ge=100)
    level: OpenShare = 0.9
    seed: int = Field(1, ge=0)

    @property
    def bags(self) -> Bags:
        """Of bagged selection."""
        return Bags(self.n_bags, self.bag_share, self.seed)

    @property
    def resampling(self) -> Resampling:
        """By which choices are judged."""
        return Resampling(self.criterion, self.n_parts, self.n_draws, self.level, self.seed)
