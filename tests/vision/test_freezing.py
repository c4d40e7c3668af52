"""What learns, what keeps its statistics, and that a resumed training does the same, in Lightning's own loop."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from timm.layers import DropPath
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from podium.errors import InputError
from podium.vision.backbones import build_backbone
from podium.vision.freezing import PartFreezing, list_frozen, list_never_trained
from podium.vision.network import Network
from podium.vision.optimizers import make_optimizer
from podium.vision.recipe import FreezingConfig, ModelConfig, OptimizerConfig

STEM = {"backbone.conv1.", "backbone.bn1."}
STAGES = [STEM, {"backbone.layer1."}, {"backbone.layer2."}, {"backbone.layer3."}, {"backbone.layer4."}]
NORM = (nn.BatchNorm2d,)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def build_network(backbone: str = "test_resnet", drop_path_rate: float = 0.0) -> Network:
    torch.manual_seed(0)
    built = build_backbone(ModelConfig(backbone=backbone, drop_path_rate=drop_path_rate), (32, 32), None)
    return Network(built, nn.Sequential(nn.Dropout(0.5), nn.Linear(built.n_features, 3)), 3)


class Learner(pl.LightningModule):
    """A network that learns three classes of noise, and notes each module's mode at each step."""

    def __init__(self, freezing: FreezingConfig, optimizer: str = "adamw", network: nn.Module | None = None):
        super().__init__()
        self.network: nn.Module = network or build_network()
        self.config = OptimizerConfig(name=optimizer, lr=0.01, weight_decay=0.5, layer_decay=0.8)
        self.freezing = freezing
        self.in_training: list[set[str]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        self.in_training.append({name for name, module in self.network.named_modules() if module.training})
        images, labels = batch
        return nn.functional.cross_entropy(self.network.head(self.network.backbone(images)), labels)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        assert not any(module.training for module in self.modules())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return make_optimizer(self.network, self.config, self.freezing)


class EpochSeeds(Callback):
    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == 0:
            torch.manual_seed(trainer.current_epoch)


class Snapshots(Callback):
    """The network's state, and the parameters that the optimizer has a state for, after each epoch."""

    def __init__(self) -> None:
        self.states: list[dict[str, Tensor]] = []
        self.with_state: list[set[str]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.states.append(copy_state(pl_module.network))
        names = {id(parameter): name for name, parameter in pl_module.network.named_parameters()}
        optimizer = trainer.optimizers[0]
        listed = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
        self.with_state.append({listed[number] for number in optimizer.state_dict()["state"]})


def fit(learner: Learner, folder: Path, n_epochs: int, resume: Path | None = None, **options: Any) -> Snapshots:
    snapshots = Snapshots()
    torch.manual_seed(1)
    images, labels = torch.randn(12, 3, 32, 32), torch.arange(12) % 3
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=n_epochs, logger=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, default_root_dir=folder,
        callbacks=[
            EpochSeeds(), PartFreezing(learner.freezing), snapshots,
            ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True),
        ], **options,
    )  # fmt: skip
    train = DataLoader(TensorDataset(images, labels), batch_size=4)
    validation = DataLoader(TensorDataset(images[:4], labels[:4]), batch_size=4)
    trainer.fit(learner, train, validation, ckpt_path=resume, weights_only=True)
    return snapshots


def find_changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, value in after.items() if not torch.equal(before[name], value)}


def list_parameters(network: nn.Module) -> set[str]:
    return {name for name, _ in network.named_parameters()}


def list_statistics(network: nn.Module) -> set[str]:
    return {name for name, _ in network.named_buffers()}


def copy_state(network: nn.Module) -> dict[str, Tensor]:
    """Copy what training may change; the adjustment to class shares is none of it."""
    return {name: value.clone() for name, value in network.state_dict().items() if name != "adjustment"}


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw", "nadam", "adamp", "lookahead_adamw"])
def test_a_frozen_backbone_keeps_weights_and_statistics_bit_for_bit(optimizer: str, tmp_path: Path) -> None:
    learner = Learner(FreezingConfig(name="backbone"), optimizer)
    before = copy_state(learner.network)
    snapshots = fit(learner, tmp_path, 2)
    assert find_changed(before, snapshots.states[-1]) == {"head.1.weight", "head.1.bias"}
    assert snapshots.with_state[-1] == {"head.1.weight", "head.1.bias"}


@pytest.mark.parametrize("n_stages", [1, 2, 4, 5])
def test_first_stages_keep_weights_and_statistics_and_all_others_learn(n_stages: int, tmp_path: Path) -> None:
    learner = Learner(FreezingConfig(name="first_stages", n_stages=n_stages))
    kept = tuple(prefix for stage in STAGES[:n_stages] for prefix in stage)
    before = copy_state(learner.network)
    changed = find_changed(before, fit(learner, tmp_path, 2).states[-1])
    assert changed == {name for name in before if not name.startswith(kept)}
    for in_training in learner.in_training:
        for name, module in learner.network.named_modules():
            if isinstance(module, NORM):
                assert (name in in_training) != f"{name}.".startswith(kept), name


@pytest.mark.parametrize("thaw_epoch", [1, 2])
def test_melting_moves_the_head_alone_and_from_the_thaw_on_everything(thaw_epoch: int, tmp_path: Path) -> None:
    learner = Learner(FreezingConfig(name="melting", thaw_epoch=thaw_epoch))
    head = {"head.1.weight", "head.1.bias"}
    states = [copy_state(learner.network)]
    snapshots = fit(learner, tmp_path, 3)
    states += snapshots.states
    for epoch in range(3):
        expected = head if epoch < thaw_epoch else set(states[0])
        assert find_changed(states[epoch], states[epoch + 1]) == expected
        expected_state = head if epoch < thaw_epoch else list_parameters(learner.network)
        assert snapshots.with_state[epoch] == expected_state


@pytest.mark.parametrize("optimizer", ["adamw", "lookahead_sgd"])
@pytest.mark.parametrize("last_epoch_before", [0, 1, 2])
def test_a_training_resumed_before_at_or_after_the_thaw_is_the_uninterrupted_one(
    optimizer: str, last_epoch_before: int, tmp_path: Path
) -> None:
    freezing = FreezingConfig(name="melting", thaw_epoch=2)
    whole = fit(Learner(freezing, optimizer), tmp_path / "whole", 4)
    fit(Learner(freezing, optimizer), tmp_path / "first", last_epoch_before + 1)
    checkpoint = tmp_path / "first" / f"epoch={last_epoch_before}.ckpt"
    resumed = fit(Learner(freezing, optimizer), tmp_path / "second", 4, resume=checkpoint)
    for expected, state in zip(
        whole.states[last_epoch_before + 1 :], resumed.states[-3 + last_epoch_before :], strict=True
    ):
        assert find_changed(expected, state) == set()
    assert find_changed(whole.states[1], whole.states[3]) == set(whole.states[0])


def test_after_the_thaw_every_module_trains(tmp_path: Path) -> None:
    learner = Learner(FreezingConfig(name="melting", thaw_epoch=1))
    fit(learner, tmp_path, 2)
    modules = {name for name, _ in learner.network.named_modules()}
    head = {name for name in modules if not name.startswith("backbone")}
    assert learner.in_training == [head] * 3 + [modules] * 3


@pytest.mark.parametrize("freezing", ["none", "first_stages", "melting"])
def test_norm_statistics_stay_while_the_norms_weights_learn(freezing: Any, tmp_path: Path) -> None:
    learner = Learner(FreezingConfig(name=freezing, n_stages=1, norm_statistics=True))
    before = copy_state(learner.network)
    changed = find_changed(before, fit(learner, tmp_path, 2).states[-1])
    assert changed.isdisjoint(list_statistics(learner.network))
    expected = list_parameters(learner.network)
    if freezing == "first_stages":
        expected = {name for name in expected if not name.startswith(tuple(STEM))}
    assert changed == expected


def test_norm_statistics_leave_all_modes_but_those_of_the_norms(tmp_path: Path) -> None:
    learner = Learner(FreezingConfig(norm_statistics=True))
    fit(learner, tmp_path, 1)
    norms = {name for name, module in learner.network.named_modules() if isinstance(module, NORM)}
    others = {name for name, _ in learner.network.named_modules()} - norms
    assert norms and learner.in_training == [others] * 3


def test_without_freezing_everything_learns_and_nothing_is_in_evaluation_mode(tmp_path: Path) -> None:
    learner = Learner(FreezingConfig())
    before = copy_state(learner.network)
    assert find_changed(before, fit(learner, tmp_path, 1).states[-1]) == set(before)
    assert learner.in_training == [{name for name, _ in learner.network.named_modules()}] * 3


@pytest.mark.parametrize("name", ["backbone", "first_stages"])
def test_modes_hold_after_a_validation_within_an_epoch_and_after_each_epoch(name: Any, tmp_path: Path) -> None:
    learner = Learner(FreezingConfig(name=name, norm_statistics=True))
    fit(learner, tmp_path, 2, val_check_interval=1)
    assert len(learner.in_training) == 6
    assert learner.in_training == [learner.in_training[0]] * 6
    assert "backbone.bn1" not in learner.in_training[0] and "head" in learner.in_training[0]


def test_modes_hold_when_someone_puts_the_whole_network_into_training(tmp_path: Path) -> None:
    class Waking(Learner):
        def on_train_batch_end(self, *args: Any) -> None:
            self.train()

    learner = Waking(FreezingConfig(name="backbone"))
    before = copy_state(learner.network)
    assert find_changed(before, fit(learner, tmp_path, 2).states[-1]) == {"head.1.weight", "head.1.bias"}


def test_dropping_is_off_in_what_is_frozen_and_on_elsewhere(tmp_path: Path) -> None:
    network = build_network("test_vit", drop_path_rate=0.2)
    dropping = {name for name, module in network.named_modules() if isinstance(module, DropPath)}
    learner = Learner(FreezingConfig(name="first_stages", n_stages=4), network=network)
    frozen = list_frozen(network, learner.freezing)
    fit(learner, tmp_path, 1)
    blocks = {name.split(".drop_path")[0] for name in dropping}
    frozen_blocks = {block for block in blocks if any(name.startswith(f"{block}.") for name in frozen)}
    assert frozen_blocks and blocks - frozen_blocks
    for name in dropping:
        assert (name in learner.in_training[0]) == (name.split(".drop_path")[0] not in frozen_blocks)
    assert "head.0" in learner.in_training[0]


def test_what_the_backbone_itself_holds_fixed_stays_fixed_after_the_thaw(tmp_path: Path) -> None:
    network = build_network()
    network.get_parameter("backbone.conv1.0.weight").requires_grad_(False)
    before = copy_state(network)
    learner = Learner(FreezingConfig(name="melting"), network=network)
    changed = find_changed(before, fit(learner, tmp_path, 2).states[-1])
    assert changed == set(before) - {"backbone.conv1.0.weight"}
    assert not network.get_parameter("backbone.conv1.0.weight").requires_grad


@pytest.mark.parametrize(("name", "starts_frozen", "stays_frozen"), [
    ("none", False, False), ("backbone", True, True), ("melting", True, False),
])  # fmt: skip
def test_lists_name_the_backbones_parameters_in_the_networks_order(
    name: Any, starts_frozen: bool, stays_frozen: bool
) -> None:
    network = build_network("test_convnext")
    backbone = [name for name, _ in network.named_parameters() if name.startswith("backbone.")]
    assert list_frozen(network, FreezingConfig(name=name)) == (backbone if starts_frozen else [])
    assert list_never_trained(network, FreezingConfig(name=name)) == (backbone if stays_frozen else [])


@pytest.mark.parametrize("n_stages", [6, 100])
def test_more_stages_than_there_are_is_refused_with_their_number(n_stages: int) -> None:
    config = FreezingConfig(name="first_stages", n_stages=n_stages)
    with pytest.raises(InputError, match=rf"freezing\.n_stages: {n_stages} is too many; this backbone has 5"):
        list_frozen(build_network(), config)
    with pytest.raises(InputError, match="has 5"):
        make_optimizer(build_network(), OptimizerConfig(), config)
