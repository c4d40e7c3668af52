"""Policies by name: transforms of albumentations, and of our own, put together from configuration."""

import inspect
import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import albumentations
import numpy as np
import numpy.typing as npt

from podium.errors import raise_if_any, suggest
from podium.vision import document_effects, fast_transforms

Step = dict[str, dict[str, Any]]
Images = npt.NDArray[np.uint8]

N_TRIALS = 16
"""Calls in which a step has to show its fault; one that turns every other oblong picture hides once in 65,536 times."""

_FAST = ("Affine", "GaussNoise", "SaltAndPepper", "SquareSymmetry")
_CONTAINERS = ("OneOf", "SomeOf", "RandomOrder", "Sequential")


def list_transforms() -> dict[str, type]:
    """Return every transform that a policy can name: those for pictures of albumentations, and of our own."""
    bases = (albumentations.ImageOnlyTransform, albumentations.DualTransform)
    return {
        name: value
        for library in (document_effects, albumentations)
        for name, value in vars(library).items()
        if inspect.isclass(value) and issubclass(value, bases) and value not in bases
    }


def resolve_policy(name: str, steps: Sequence[Mapping[str, Any]], size_px: tuple[int, int]) -> list[Step]:
    """Write out every argument of every step, the library's defaults included, and try the policy once.

    Args:
        name: The policy's name, for messages.
        steps: One-key mappings ``{transform: {argument: value}}``; ``OneOf`` and its like hold ``transforms``.
        size_px: Height and width of the pictures, which the policy has to keep.

    Returns:
        The same steps with all arguments, as plain values.

    Raises:
        InputError: A transform or an argument is unknown, a value is refused, or the size of a picture changes.
    """
    cases = [case for step in steps for case in _check_step(step, f"policies.{name}")]
    raise_if_any(f"Policy '{name}' cannot be used:", cases)
    resolved = [_resolve_step(step) for step in steps]
    raise_if_any(f"Policy '{name}' cannot be used:", _try_policy(name, resolved, size_px))
    return resolved


def build_policy(steps: Sequence[Step]) -> albumentations.Compose:
    """Make the callable of a resolved policy."""
    return albumentations.Compose([_build_step(step) for step in steps])


def augment_batch(policy: albumentations.Compose, images: Images, seed: int, out: Images | None = None) -> Images:
    """Augment each image of a batch anew.

    The random state is set once a batch: setting it for every image costs more than a light policy itself. The steps
    are called one by one, since what their container checks at every call is true of every image here.

    Args:
        policy: From :func:`build_policy`.
        images: uint8, (batch, height, width, 3).
        seed: Of this batch; results depend on nothing else.
        out: Where the result goes, uint8, the same shape; a new array if None.

    Returns:
        ``out``.
    """
    policy.set_random_seed(seed % 2**32)
    out = np.empty_like(images) if out is None else out
    for image, place in zip(images, out, strict=True):
        data = {"image": image}
        for step in policy.transforms:
            data = step(**data)
        place[:] = data["image"]
    return out


_TRANSFORMS: dict[str, Any] = {**list_transforms(), **{name: getattr(albumentations, name) for name in _CONTAINERS}}
_BUILT: dict[str, Any] = {**_TRANSFORMS, **{name: getattr(fast_transforms, name) for name in _FAST}}


def _check_step(step: Any, place: str) -> list[str]:
    """List what is wrong with the names of a step: of its transform, its arguments, and of the steps inside it."""
    if not isinstance(step, Mapping) or len(step) != 1:
        wanted = "a step is one transform with its arguments, as in '- HorizontalFlip: {p: 0.5}'"
        return [f"{place}: {wanted} (got {step!r})"]
    name, arguments = next(iter(step.items()))
    if name not in _TRANSFORMS:
        return [f"{place}: there is no transform '{name}'; {suggest(name, _TRANSFORMS)}"]
    if not isinstance(arguments, Mapping | None):
        return [f"{place}.{name}: arguments are a mapping, as in {{p: 0.5}} (got {arguments!r})"]
    arguments, allowed = arguments or {}, inspect.signature(_TRANSFORMS[name]).parameters
    misspelt = [key for key in arguments if key not in allowed]
    cases = [f"{place}.{name}.{key}: there is no such argument; {suggest(key, allowed)}" for key in misspelt]
    if name in _CONTAINERS:
        inner = arguments.get("transforms")
        if not isinstance(inner, list) or not inner:
            return [*cases, f"{place}.{name}.transforms: needs a list of steps (got {inner!r})"]
        cases += [case for part in inner for case in _check_step(part, f"{place}.{name}")]
    return cases


def _resolve_step(step: Mapping[str, Any]) -> Step:
    name, arguments = next(iter(step.items()))
    arguments = dict(arguments or {})
    inner = arguments.pop("transforms", None)
    parameters = inspect.signature(_TRANSFORMS[name]).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    resolved = {key: _to_plain(value) for key, value in {**defaults, **arguments}.items()}
    if inner is not None:
        resolved["transforms"] = [_resolve_step(part) for part in inner]
    return {name: resolved}


def _to_plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_to_plain(part) for part in value]
    return value


def _build_step(step: Step) -> Any:
    name, arguments = next(iter(step.items()))
    arguments = dict(arguments)
    if "transforms" in arguments:
        arguments["transforms"] = [_build_step(part) for part in arguments["transforms"]]
    return _BUILT[name](**arguments)


def _try_policy(name: str, steps: Sequence[Step], size_px: tuple[int, int]) -> list[str]:
    """Run each step on noise: a refused value shows itself on building, a changed size on calling."""
    probe = np.random.default_rng(0).integers(0, 256, (*size_px, 3), dtype=np.uint8)
    # Each choice is made to act, since a rare fault has to show itself now; the step as it stands is tried after them,
    # for what is wrong with a container.
    cases, place = [], f"policies.{name}"
    for step in steps:
        tried = [case for within, part in _list_certain(step, place) for case in _try_step(within, part, probe)]
        cases += tried or _try_step(f"{place}.{next(iter(step))}", step, probe)
    return list(dict.fromkeys(cases))


def _list_certain(step: Step, place: str) -> Iterator[tuple[str, Step]]:
    """Yield the places and the choices of a step, each with a probability of 1."""
    name, arguments = next(iter(step.items()))
    place = f"{place}.{name}"
    choices = [list(_list_certain(part, place)) for part in arguments.get("transforms", ())]
    if name == "Sequential":
        # Its parts may undo one another, as padding and cropping do, so they are tried together.
        for k in range(max(map(len, choices))):
            parts = [some[k % len(some)][1] for some in choices]
            yield place, {name: {**arguments, "transforms": parts, "p": 1.0}}
    elif name in _CONTAINERS:
        yield from itertools.chain.from_iterable(choices)
    else:
        yield place, {name: {**arguments, "p": 1.0}}


def _try_step(place: str, step: Step, probe: Images) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            built, results = build_policy([step]), []
            for seed in range(N_TRIALS):
                built.set_random_seed(seed)
                results.append(built(image=probe)["image"])
        except Exception as error:  # transforms raise whatever they like
            return [f"{place}: {' '.join(str(error).split())[:300] or type(error).__name__}"]
    changed = [result for result in results if result.shape != probe.shape or result.dtype != np.uint8]
    return [
        f"{place}: turns {probe.shape} uint8 into {result.shape} {result.dtype}; a policy has to keep both"
        for result in changed[:1]
    ]
