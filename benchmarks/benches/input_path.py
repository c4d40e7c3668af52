"""Batches ready for the device: ours against the loaders that a user would take instead.

A figure is images a second over some seconds of whole epochs with shuffling, after the loader is warm; whoever takes
the batches does nothing else. Imports, building the loader, the first batches and, with Podium, filling the image store
(a bench of its own) are not in it. Each contender decodes, resizes, augments and batches in its documented way:
torchvision's and albumentations' normalise in the workers, timm's, fastai's and ours leave that to the device.

All do the same operations. A step of a policy that a library lacks, such as stamps on paper, is the same code for all
of them, called as a user would call it: between two conversions of the picture.
"""

import argparse
import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import OURS, Bench, Contender, print_figure
from benchmarks.options import Options
from benchmarks.pictures import CACHE, ROOT, make_pictures

WARM_UP_S = 3.0
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OTHERS = ("timm", "torchvision", "fastai")


@dataclass(frozen=True)
class Case:
    """A policy at a size.

    Attributes:
        policy: Its name in the configuration.
        size_px: Height and width of batches.
        picture_px: Height and width of the JPEGs.
        batch_size: Images.
        n_pictures: Of an epoch.
        bound: How many times the best of the others ours has to reach.
    """

    policy: str
    size_px: tuple[int, int]
    picture_px: tuple[int, int]
    batch_size: int
    n_pictures: int
    bound: float

    @property
    def title(self) -> str:
        return f"input path, {self.policy} {self.size_px[0]}×{self.size_px[1]}"


CASES = {
    "light": Case("light", (128, 96), (512, 384), 64, 2000, bound=8.0),
    "document": Case("document_heavy", (456, 456), (456, 456), 16, 1000, bound=4.0),
}


def define(options: Options) -> list[Bench]:
    """Define for each case a bench against whole loaders, and one against albumentations on images in memory."""
    benches = []
    for name, case in CASES.items():
        make = {who: _make_contender(who, name, options) for who in CONTENDERS}
        loaders, alone = [make[who] for who in (OURS, *OTHERS, "cv2_albumentations")], [make[OURS], make["memory"]]
        benches += [
            Bench(f"input_path_{name}", case.title, "images/s", "higher", loaders, OTHERS, case.bound),
            Bench(
                f"input_path_{name}_memory", f"{case.title}, albumentations alone on images in memory", "images/s",
                "higher", alone, ("memory",), 0.95, ratio_of="ours / albumentations alone, as many processes",
            ),
        ]  # fmt: skip
    return benches


def _make_contender(who: str, case: str, options: Options) -> Contender:
    command = [sys.executable, "-m", "benchmarks.benches.input_path", "--who", who, "--case", case]
    if options.photos_dir:
        command += ["--pictures", str(options.photos_dir)]
    return Contender(who, command)


def main() -> None:
    """Run one contender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--who", required=True, choices=CONTENDERS)
    parser.add_argument("--case", required=True, choices=CASES)
    parser.add_argument("--pictures", type=Path, help="photos to cut pictures from")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="all cores by default")
    parser.add_argument("--seconds", type=float, default=8.0, help="that are counted")
    given = parser.parse_args()
    case = CASES[given.case]
    folder = make_pictures(case.n_pictures, case.picture_px[1], case.picture_px[0], given.pictures)
    if given.who == "memory":
        print_figure(measure_in_memory(case, folder, given.workers, given.seconds))
    else:
        print_figure(measure_loader(CONTENDERS[given.who](case, folder, given.workers), given.seconds))


def measure_loader(batches: Iterator[int], seconds: float) -> float:
    """Take batches for some seconds, once warm.

    Args:
        batches: Gives the number of images of each batch, without end.
        seconds: To count over, at least.

    Returns:
        Images a second.
    """
    start = time.perf_counter()
    while time.perf_counter() < start + WARM_UP_S:
        next(batches)
    n_images, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        n_images += next(batches)
    return n_images / (time.perf_counter() - start)


def _repeat_epochs(loader: Iterable[Any]) -> Iterator[int]:
    """Go through epoch after epoch, and give the number of images of each batch."""
    while True:
        for images, *_ in loader:
            yield len(images)


def load_podium(case: Case, folder: Path, n_workers: int) -> Iterator[int]:
    """Load as training does, from a store that was filled before."""
    from podium.vision.augmentation import resolve_policy
    from podium.vision.batches import AugmentedBatches, BatchPlan, load_training_batches
    from podium.vision.image_store import ImageStore, fill_store
    from podium.vision.input_spec import InputSpec

    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))
    spec = InputSpec(*case.size_px, "stretch", MEAN, STD)
    height, width = case.size_px
    store = CACHE / f"store-{folder.name}-{height}x{width}"
    filled = fill_store(store, folder, paths, spec=spec, max_pixels=10**6, n_jobs=n_workers, progress=False)
    opened = ImageStore(store)
    rows, labels = opened.rows_of(filled.table["sha256"]), np.zeros(len(paths), np.int64)
    policy = resolve_policy(case.policy, _read_policy(case.policy), case.size_px)
    plan = BatchPlan("none", labels, np.ones(len(paths), np.int64), case.batch_size, seed=0)
    loader = load_training_batches(AugmentedBatches(opened, rows, labels, policy), plan, n_workers, pin_memory=False)
    for epoch in itertools.count():
        plan.set_epoch(epoch)
        for images, _ in loader:
            yield len(images)


def load_torchvision(case: Case, folder: Path, n_workers: int) -> Iterator[int]:
    """``ImageFolder`` with transforms of ``v2``, as its guide recommends."""
    import torch
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    steps = {"light": _list_torchvision_light, "document_heavy": _list_torchvision_document}[case.policy]()
    transform = v2.Compose([
        v2.ToImage(), v2.Resize(case.size_px, antialias=True), *steps, v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(MEAN, STD),
    ])  # fmt: skip
    dataset = ImageFolder(folder, transform)
    return _repeat_epochs(
        DataLoader(dataset, case.batch_size, shuffle=True, num_workers=n_workers, persistent_workers=True)
    )


def _list_torchvision_light() -> list[Any]:
    from torchvision.transforms import v2

    return [
        v2.RandomHorizontalFlip(0.5),
        v2.RandomApply([v2.RandomAffine(12, (0.06, 0.06), (0.9, 1.1), interpolation=_bilinear())], 0.8),
        v2.RandomApply([v2.ColorJitter(brightness=0.2, contrast=0.2)], 0.5),
        v2.RandomApply([v2.ColorJitter(saturation=20 / 255, hue=8 / 180)], 0.3),
    ]


def _list_torchvision_document() -> list[Any]:
    from torchvision.transforms import v2

    noise = [
        v2.RandomApply([v2.GaussianBlur(5, (0.5, 1.5))], 0.6),
        _call_library("MotionBlur"),
        v2.RandomApply([v2.GaussianNoise(sigma=0.075)], 0.8),
        _call_library("SaltAndPepper"),
        v2.RandomApply([v2.JPEG((25, 80))], 0.5),
        _call_library("PlasmaShadow"),
        v2.RandomErasing(0.3, (0.001, 0.014), value=255),
    ]
    return [_call_library("SomeOf"), *_list_turns(v2), SomeInAnyOrder(3, noise)]


def _list_turns(v2: Any) -> list[Any]:
    """List what moves a page and changes its light; the same in both generations of torchvision's transforms."""
    tones = v2.ColorJitter(brightness=0.15, contrast=(0.6, 1.2))
    affine = v2.RandomAffine(30, None, (0.75, 1.1), (-5, 5, -5, 5), interpolation=_bilinear(), fill=255)
    quarters = [v2.RandomRotation((angle, angle)) for angle in (0, 90, 180, 270)]
    return [
        v2.RandomHorizontalFlip(0.5),
        v2.RandomChoice(quarters),
        v2.RandomApply([affine], 0.8),
        v2.RandomPerspective(0.12, 0.2, fill=255),
        v2.RandomApply([tones], 0.7),
    ]


def _bilinear() -> Any:
    from torchvision.transforms import InterpolationMode

    return InterpolationMode.BILINEAR


def load_timm(case: Case, folder: Path, n_workers: int) -> Iterator[int]:
    """``create_dataset`` and ``create_loader``; the transform that they make is replaced by one of the same operations.

    Batches are taken as uint8, before the prefetcher normalises them on the device.
    """
    import torch
    from timm.data import create_dataset, create_loader
    from timm.data.transforms import ToNumpy
    from torchvision import transforms as v1

    dataset = create_dataset("", str(folder))
    loader = create_loader(
        dataset, (3, *case.size_px), case.batch_size, is_training=True, num_workers=n_workers,
        device=torch.device("cpu"),
    )  # fmt: skip
    steps = {"light": _list_timm_light, "document_heavy": _list_timm_document}[case.policy]()
    dataset.transform = v1.Compose([v1.Resize(case.size_px), *steps, ToNumpy()])
    return _repeat_epochs(loader.loader)


def _list_timm_light() -> list[Any]:
    from torchvision import transforms as v1

    return [
        v1.RandomHorizontalFlip(0.5),
        v1.RandomApply([v1.RandomAffine(12, (0.06, 0.06), (0.9, 1.1), interpolation=_bilinear())], 0.8),
        v1.RandomApply([v1.ColorJitter(brightness=0.2, contrast=0.2)], 0.5),
        v1.RandomApply([v1.ColorJitter(saturation=20 / 255, hue=8 / 180)], 0.3),
    ]


def _list_timm_document() -> list[Any]:
    from torchvision import transforms as v1

    noise = [v1.RandomApply([v1.GaussianBlur(5, (0.5, 1.5))], 0.6), *map(_call_library, (
        "MotionBlur", "GaussNoise", "SaltAndPepper", "ImageCompression", "PlasmaShadow", "CoarseDropout"
    ))]  # fmt: skip
    return [_call_library("SomeOf"), *_list_turns(v1), SomeInAnyOrder(3, noise)]


def load_fastai(case: Case, folder: Path, n_workers: int) -> Iterator[int]:
    """``ImageDataLoaders`` with item transforms in the workers and batch transforms on fastai's own device."""
    from fastai.vision.all import ImageDataLoaders, Normalize, Resize, ResizeMethod

    item, batch = {"light": _list_fastai_light, "document_heavy": _list_fastai_document}[case.policy]()
    loaders = ImageDataLoaders.from_folder(
        folder, valid_pct=0.01, seed=0, bs=case.batch_size, num_workers=n_workers,
        item_tfms=[Resize(case.size_px, ResizeMethod.Squish), *item],
        batch_tfms=[*batch, Normalize.from_stats(MEAN, STD)],
    )  # fmt: skip
    return _repeat_epochs(loaders.train)


def _list_fastai_light() -> tuple[list[Any], list[Any]]:
    from fastai.vision.all import Hue, Saturation, aug_transforms

    batch = aug_transforms(
        max_rotate=12, min_zoom=0.9, max_zoom=1.1, max_warp=0.0, max_lighting=0.2, p_affine=0.8, p_lighting=0.5,
        xtra_tfms=[Saturation(20 / 255, p=0.3), Hue(8 / 180, p=0.3)],
    )  # fmt: skip
    return [], batch


def _list_fastai_document() -> tuple[list[Any], list[Any]]:
    from fastai.vision.all import PILImage, Transform, aug_transforms

    class LibraryStep(Transform):
        """Albumentations in a transform of items, as in fastai's tutorial."""

        split_idx = 0

        def __init__(self, name: str) -> None:
            self.library = _call_library(name)

        def encodes(self, picture: PILImage) -> PILImage:
            return PILImage.create(self.library.change(np.array(picture)))

    batch = aug_transforms(
        flip_vert=True, max_rotate=30, min_zoom=0.75, max_zoom=1.1, max_warp=0.06, max_lighting=0.15, p_affine=0.8,
        p_lighting=0.7, pad_mode="border",
    )  # fmt: skip
    return [LibraryStep("SomeOf"), LibraryStep("RandomOrder")], batch


def load_cv2_albumentations(case: Case, folder: Path, n_workers: int) -> Iterator[int]:
    """A dataset of one's own that reads with OpenCV and augments with albumentations, the same policy."""
    import albumentations
    import cv2
    from torch.utils.data import DataLoader, Dataset

    transform = albumentations.Compose([
        *_build_library_policy(case.policy), albumentations.Normalize(MEAN, STD), albumentations.ToTensorV2(),
    ])  # fmt: skip
    paths = sorted(map(str, folder.rglob("*.jpg")))

    class Pictures(Dataset[tuple[Any, int]]):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, number: int) -> tuple[Any, int]:
            image = _read_with_opencv(paths[number], case.size_px)
            return transform(image=image)["image"], 0

    cv2.setNumThreads(0)
    return _repeat_epochs(
        DataLoader(Pictures(), case.batch_size, shuffle=True, num_workers=n_workers, persistent_workers=True)
    )


def measure_in_memory(case: Case, folder: Path, n_processes: int, seconds: float) -> float:
    """Call the policy in a loop in each of some processes, on images that lie in memory, and add up what they do."""
    import cv2

    cv2.setNumThreads(0)
    images = [_read_with_opencv(str(path), case.size_px) for path in sorted(folder.rglob("*.jpg"))[:256]]
    with multiprocessing.get_context("fork").Pool(n_processes) as pool:
        counted = pool.starmap(_count_in_memory, [(case.policy, images, seconds)] * n_processes, chunksize=1)
    return sum(counted)


def _count_in_memory(policy: str, images: list[np.ndarray], seconds: float) -> float:
    import albumentations

    transform = albumentations.Compose(_build_library_policy(policy))

    def augment() -> Iterator[int]:
        for image in itertools.cycle(images):
            transform(image=image)
            yield 1

    return measure_loader(augment(), seconds)


def _read_with_opencv(path: str, size_px: tuple[int, int]) -> np.ndarray:
    import cv2

    image = cv2.imread(path)
    if image is None:
        raise ValueError(f"{path}: OpenCV cannot read it")
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.resize(image, size_px[::-1], interpolation=cv2.INTER_AREA), np.uint8)


class Library:
    """A step of the document policy that a library lacks, between two conversions of the picture."""

    def __init__(self, step: Any) -> None:
        import albumentations

        self._step = albumentations.Compose([step])

    def change(self, image: np.ndarray) -> np.ndarray:
        """Take and give uint8, (height, width, 3)."""
        return np.asarray(self._step(image=image)["image"], np.uint8)

    def __call__(self, picture: Any) -> Any:
        """Take and give a picture of Pillow or a tensor, uint8, (3, height, width)."""
        import torch
        from PIL import Image

        if isinstance(picture, torch.Tensor):
            changed = self.change(picture.permute(1, 2, 0).numpy())
            return torch.from_numpy(changed).permute(2, 0, 1)
        return Image.fromarray(self.change(np.asarray(picture)))


class SomeInAnyOrder:
    """Some of several steps, drawn anew each time and done in any order."""

    def __init__(self, n: int, steps: list[Callable[[Any], Any]]) -> None:
        self.n, self.steps = n, steps

    def __call__(self, picture: Any) -> Any:
        """Take and give a picture."""
        import torch

        for k in torch.randperm(len(self.steps))[: self.n]:
            picture = self.steps[int(k)](picture)
        return picture


def _call_library(name: str) -> Library:
    """Make one step of the document policy, or one of those inside its steps."""
    steps = _read_policy("document_heavy")
    inner = [part for step in steps for part in next(iter(step.values())).get("transforms", ())]
    return Library(_build_library_step(next(step for step in steps + inner if name in step)))


def _build_library_policy(name: str) -> list[Any]:
    return [_build_library_step(step) for step in _read_policy(name)]


def _build_library_step(step: dict[str, Any]) -> Any:
    """Make a step with albumentations, or with ours where it has none."""
    import albumentations

    from podium.vision import document_effects

    ((name, arguments),) = step.items()
    if "transforms" in arguments:
        arguments = {**arguments, "transforms": [_build_library_step(part) for part in arguments["transforms"]]}
    library = albumentations if hasattr(albumentations, name) else document_effects
    return getattr(library, name)(**arguments)


def _read_policy(name: str) -> list[dict[str, Any]]:
    import yaml

    parameters = ROOT / "conf/base/parameters/augmentation.yml"
    return list(yaml.safe_load(parameters.read_text(encoding="utf-8"))["policies"][name])


CONTENDERS: dict[str, Any] = {
    OURS: load_podium,
    "timm": load_timm,
    "torchvision": load_torchvision,
    "fastai": load_fastai,
    "cv2_albumentations": load_cv2_albumentations,
    "memory": measure_in_memory,
}


if __name__ == "__main__":
    main()
