"""Every optimizer of the factory, and which parameters learn how fast."""

import io
from typing import Any

import pytest
import timm
import timm.optim
import torch
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn

from podium.errors import InputError
from podium.vision.backbones import build_backbone
from podium.vision.network import Network
from podium.vision.optimizers import list_optimizers, make_optimizer, require_optimizer
from podium.vision.recipe import FreezingConfig, ModelConfig, OptimizerConfig, Recipe

NAMES = [*list_optimizers(), *(f"lookahead_{name}" for name in ("sgd", "adamw", "adamp", "radam", "lion"))]
BACKBONES = ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"]
IMAGES, LABELS = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3


class SmallNetwork(nn.Module):
    """A convolution, a norm and a linear layer, none of whose parameters has a gradient of zero."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(4 * 36, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.backbone(images))


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, n_steps: int) -> list[float]:
    """Take steps on the same batch, and return the loss before each."""
    losses = []
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(IMAGES), LABELS)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def copy_parameters(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def find_moved(before: dict[str, Tensor], network: nn.Module) -> set[str]:
    return {name for name, value in network.named_parameters() if not torch.equal(before[name], value)}


def save_and_load(*objects: Any) -> Any:
    """Go through a file that holds nothing but plain values and tensors, as checkpoints do."""
    file = io.BytesIO()
    torch.save([item.state_dict() for item in objects], file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def make_recipe(**optimizer: Any) -> Recipe:
    return Recipe.model_validate({"name": "r", "optimizer": optimizer})


def build_network(backbone: str) -> Network:
    built = build_backbone(ModelConfig(backbone=backbone), (96, 96), None)
    return Network(built, nn.Linear(built.n_features, 3), 3)


def find_rates(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay of each parameter."""
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]}
    return {name: rates[id(parameter)] for name, parameter in network.named_parameters() if id(parameter) in rates}


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_learns_moves_all_parameters_and_goes_on_from_a_checkpoint(name: str) -> None:
    require_optimizer(make_recipe(name=name))
    config, network = OptimizerConfig(name=name, lr=0.01), SmallNetwork()
    optimizer, before = make_optimizer(network, config), copy_parameters(network)
    losses = learn(network, optimizer, 3)
    assert losses[-1] < losses[0]
    assert find_moved(before, network) == set(before)

    resumed = SmallNetwork()
    optimizer_of_resumed = make_optimizer(resumed, config)
    for part, state in zip((resumed, optimizer_of_resumed), save_and_load(network, optimizer), strict=True):
        part.load_state_dict(state)
    n_steps = 4 if name.startswith("lookahead_") else 2  # its slow weights step every six
    assert learn(network, optimizer, n_steps) == learn(resumed, optimizer_of_resumed, n_steps)
    assert find_moved(copy_parameters(network), resumed) == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_optimizer_moves_what_is_frozen_and_each_goes_on_alike_across_the_thaw(name: str) -> None:
    config = OptimizerConfig(name=name, lr=0.01, weight_decay=0.5)
    network, resumed = SmallNetwork(), SmallNetwork()
    optimizer, before = make_optimizer(network, config, FreezingConfig(name="melting")), copy_parameters(network)
    network.backbone.requires_grad_(False)
    learn(network, optimizer, 2)
    assert find_moved(before, network) == {"head.weight", "head.bias"}
    if "adagrad" not in name:  # its sums begin when it is made
        states = optimizer.state_dict()["state"]
        assert len(states) == 2

    optimizer_of_resumed = make_optimizer(resumed, config, FreezingConfig(name="melting"))
    for part, state in zip((resumed, optimizer_of_resumed), save_and_load(network, optimizer), strict=True):
        part.load_state_dict(state)
    network.backbone.requires_grad_(True)
    assert learn(network, optimizer, 2) == learn(resumed, optimizer_of_resumed, 2)
    assert find_moved(before, network) == set(before)


@pytest.mark.parametrize(
    ("name", "reference", "options"),
    [
        ("sgd", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        ("momentum", torch.optim.SGD, {"momentum": 0.9}),
        ("nesterov", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        ("adam", torch.optim.Adam, {}),
        ("adamw", torch.optim.AdamW, {}),
        ("AdamW", torch.optim.AdamW, {}),
        ("nadam", torch.optim.NAdam, {}),
        ("radam", torch.optim.RAdam, {}),
        ("adadelta", torch.optim.Adadelta, {}),
    ],
)
def test_a_name_is_torchs_own_optimizer(name: str, reference: Any, options: dict[str, Any]) -> None:
    network, expected = SmallNetwork(), SmallNetwork()
    norm, conv, head = expected.backbone[1], expected.backbone[0], expected.head
    groups = [
        {"params": [conv.weight, head.weight], "weight_decay": 0.1},
        {"params": [norm.weight, norm.bias, head.bias], "weight_decay": 0.0},
    ]
    losses = learn(network, make_optimizer(network, OptimizerConfig(name=name, lr=0.02, weight_decay=0.1)), 5)
    assert losses == pytest.approx(learn(expected, reference(groups, lr=0.02, **options), 5))


def test_lookahead_goes_half_way_back_to_the_slow_weights_every_six_steps() -> None:
    """Zhang et al., 2019, algorithm 1, whose slow weights begin at timm's first synchronisation."""
    network, fast = SmallNetwork(), SmallNetwork()
    config = OptimizerConfig(name="adamw", lr=0.01)
    optimizer = make_optimizer(network, config.model_copy(update={"name": "lookahead_adamw"}))
    plain = make_optimizer(fast, config)
    learn(network, optimizer, 6)
    learn(fast, plain, 6)
    slow = copy_parameters(fast)
    assert find_moved(slow, network) == set()
    learn(network, optimizer, 6)
    learn(fast, plain, 6)
    for name, value in fast.named_parameters():
        expected = slow[name] + 0.5 * (value.detach() - slow[name])
        assert torch.allclose(network.get_parameter(name), expected, atol=1e-7), name


def test_options_reach_the_optimizer_in_place_of_the_factorys_defaults() -> None:
    network = SmallNetwork()
    assert make_optimizer(network, OptimizerConfig(name="sgd")).param_groups[0]["momentum"] == 0.9
    sgd = OptimizerConfig(name="sgd", options={"momentum": 0.5, "nesterov": False})
    assert {group["momentum"] for group in make_optimizer(network, sgd).param_groups} == {0.5}
    adamw = OptimizerConfig(name="adamw", options={"betas": [0.8, 0.95], "eps": 1e-6})
    for group in make_optimizer(network, adamw).param_groups:
        assert tuple(group["betas"]) == (0.8, 0.95) and group["eps"] == 1e-6


@pytest.mark.parametrize("name", ["adam", "adamw", "AdamW"])
def test_one_kernel_makes_the_step_unless_gradients_are_clipped_or_the_recipe_says_otherwise(name: str) -> None:
    def is_fused(**changes: Any) -> bool:
        return bool(make_optimizer(SmallNetwork(), OptimizerConfig(name=name, **changes)).defaults["fused"])

    assert is_fused()
    assert not is_fused(clip_norm=1.0), "Lightning does not clip what is fused, in mixed precision"
    assert not is_fused(options={"foreach": True})
    assert not is_fused(options={"fused": False})


def test_every_name_of_the_factory_works_or_is_refused_for_a_reason() -> None:
    refused = sorted(set(timm.optim.list_optimizers()) - set(list_optimizers()))
    assert {"adahessian", "kron", "fusedadam", "bnbadamw8bit"} <= set(refused)
    for name in refused:
        with pytest.raises(InputError, match=rf"recipes\.r\.optimizer\.name: '{name}' cannot be used: it .+; "):
            require_optimizer(make_recipe(name=name))


@pytest.mark.parametrize(
    ("optimizer", "case"),
    [
        ({"name": "adamv"}, r"recipes\.r\.optimizer\.name: timm has no 'adamv'; did you mean 'adam"),
        ({"name": "lookahead_adamv"}, "timm has no 'lookahead_adamv'; did you mean 'adam"),
        ({"name": "lookahead_lookahead_adam"}, "timm has no 'lookahead_lookahead_adam'"),
        ({"name": "warm_adam"}, "timm has no 'warm_adam'"),
        ({"name": "lookahead_fusedadamw"}, "comes from the package apex.*; 'adamw' can"),
        ({"name": "adahessian"}, "needs second derivatives.*; 'adamw' can"),
        ({"name": "bnbadam8bit"}, "comes from the package bitsandbytes.*; 'adam' can"),
        ({"name": "adamw", "options": {"beta": 1}}, r"optimizer\.options\.beta: 'adamw' has no .*did you mean 'betas'"),
        ({"name": "sgd", "options": {"betas": [0.9, 0.9]}}, r"optimizer\.options\.betas: 'sgd' has no such option"),
        ({"options": {"lr": 1}}, r"optimizer\.options\.lr: belongs one level higher, as recipes\.r\.optimizer\.lr"),
        ({"options": {"layer_decay": 0.5}}, r"options\.layer_decay: belongs one level higher"),
        ({"options": {"param_group_fn": 1}}, r"options\.param_group_fn: 'adamw' has no such option"),
        ({"name": "adamw", "options": {"betas": [0.9, 2]}}, r"optimizer\.options: .* is refused by 'adamw': .*beta"),
        ({"name": "sgd", "options": {"momentum": 0}}, "is refused by 'sgd': Nesterov momentum requires a momentum"),
        ({"name": "adamw", "options": {"betas": "high"}}, r"optimizer\.options: .* is refused by 'adamw'"),
    ],
)
def test_a_wrong_optimizer_is_refused_with_what_would_be_right(optimizer: dict[str, Any], case: str) -> None:
    with pytest.raises(InputError, match=case):
        require_optimizer(make_recipe(**optimizer))


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        require_optimizer(make_recipe(options={"beta": 1, "epsilon": 2, "amsgrad": True}))
    assert len(caught.value.cases) == 2


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("layer_decay", [1.0, 0.7])
def test_rates_and_decays_are_those_of_timm(backbone: str, layer_decay: float) -> None:
    network = build_network(backbone)
    optimizer = make_optimizer(network, OptimizerConfig(lr=0.1, weight_decay=0.05, layer_decay=layer_decay))
    rates = find_rates(network, optimizer)
    assert list(rates) == [name for name, _ in network.named_parameters()]

    size = {"img_size": 96} if backbone == "test_vit" else {}
    model: Any = timm.create_model(backbone, num_classes=3, **size)
    exempt = model.no_weight_decay() if hasattr(model, "no_weight_decay") else ()
    groups = param_groups_layer_decay(model, 0.05, exempt, layer_decay=layer_decay)
    by_id = {id(p): (0.1 * group["lr_scale"], group["weight_decay"]) for group in groups for p in group["params"]}
    expected = {f"backbone.{name}": by_id[id(parameter)] for name, parameter in model.named_parameters()}
    compared = {name for name in expected if name in rates and not name.startswith("backbone.head")}
    assert len(compared) > 40
    for name in compared:  # timm counts a norm after the pooling as part of the head
        assert rates[name] == pytest.approx(expected[name]), name
    assert rates["head.weight"] == (0.1, 0.05) and rates["head.bias"] == (0.1, 0.0)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_groups_have_names_and_a_fixed_order_with_the_head_first(backbone: str) -> None:
    names = []
    for _ in range(2):
        groups = make_optimizer(build_network(backbone), OptimizerConfig(lr=0.1, layer_decay=0.5)).param_groups
        names.append([group["name"] for group in groups])
        rates = [group["lr"] for group in groups]
        assert rates == sorted(rates, reverse=True) and rates[0] == 0.1
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])
    assert names[0][:2] == ["head.decay", "head.no_decay"]
    assert names[0][-1].startswith("layer_0.")


def test_without_layer_decay_there_are_two_groups() -> None:
    groups = make_optimizer(build_network("test_vit"), OptimizerConfig()).param_groups
    assert [group["name"] for group in groups] == ["decay", "no_decay"]


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_norms_biases_and_what_the_backbone_exempts_are_never_decayed(backbone: str, layer_decay: float) -> None:
    network = build_network(backbone)
    rates = find_rates(network, make_optimizer(network, OptimizerConfig(layer_decay=layer_decay)))
    positions = {"backbone.pos_embed", "backbone.cls_token", "backbone.reg_token", "backbone.dist_token"}
    for name, parameter in network.named_parameters():
        is_decayed = parameter.ndim > 1 and name not in positions
        assert rates[name][1] == (0.05 if is_decayed else 0.0), name


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
@pytest.mark.parametrize("freezing", ["none", "backbone", "first_stages", "melting"])
def test_what_ever_learns_is_in_one_group_at_its_own_rate_and_nothing_else_is(
    freezing: Any, layer_decay: float
) -> None:
    network = build_network("test_resnet")
    config = OptimizerConfig(layer_decay=layer_decay)
    full = find_rates(network, make_optimizer(network, config))
    optimizer = make_optimizer(network, config, FreezingConfig(name=freezing, n_stages=2))
    listed = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert len(listed) == len(set(listed))
    kept = {
        "none": (), "melting": (), "backbone": ("backbone.",),
        "first_stages": ("backbone.conv1.", "backbone.bn1.", "backbone.layer1."),
    }[freezing]  # fmt: skip
    expected = {name: rate for name, rate in full.items() if not name.startswith(kept)} if kept else full
    assert find_rates(network, optimizer) == expected


def test_what_the_backbone_itself_holds_fixed_is_left_out() -> None:
    network = SmallNetwork()
    network.backbone[0].weight.requires_grad_(False)
    assert "backbone.0.weight" not in find_rates(network, make_optimizer(network, OptimizerConfig()))
