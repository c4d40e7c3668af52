"""A batch norm that several processes share is the batch norm of one."""

import copy

import pytest
import torch
from timm.layers import BatchNormAct2d
from timm.layers.split_batchnorm import SplitBatchNorm2d
from torch import Tensor, nn

from podium.errors import InputError
from podium.vision.ranks import Ranks
from podium.vision.synced_norms import CpuNorm, GpuNorm, synchronize_norms
from vision.shared_training import run_ranks


def make_network() -> nn.Sequential:
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, bias=False),
        BatchNormAct2d(5, act_layer=nn.SiLU, momentum=0.3),
        nn.Conv2d(5, 4, 3, bias=False),
        nn.BatchNorm2d(4, momentum=None),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(4, affine=False),
    )
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    return network


def test_output_gradients_and_statistics_are_those_of_one_process() -> None:
    batches = torch.rand(2, 7, 3, 8, 8) * 5 + 20  # far from zero, where differences of squares would be rough
    wanted = torch.rand(7, 4)

    def step(network: nn.Module, ranks: Ranks) -> Tensor:
        for pixels in batches:
            part = ranks.begin_batch(len(pixels))
            output = network(pixels[part])
            ((output - wanted[part]) ** 3).sum().backward()
        return output

    def compute(ranks: Ranks) -> tuple[Tensor, dict[str, Tensor], list[Tensor]]:
        network = make_network()
        synchronize_norms(network, ranks, "cpu")
        output = step(network, ranks)
        gradients = [parameter.grad for parameter in network.parameters()]
        for gradient in gradients:
            torch.distributed.all_reduce(gradient)
        return output.detach(), network.state_dict(), gradients

    plain = make_network()
    expected = step(plain, Ranks())
    told = run_ranks(3, compute)
    assert torch.allclose(torch.cat([output for output, _, _ in told]), expected, atol=1e-3)
    for _, state, gradients in told:
        assert state.keys() == plain.state_dict().keys(), "weights keep their names"
        for name, value in plain.state_dict().items():
            assert torch.allclose(state[name], value, rtol=1e-4), name
        for gradient, parameter in zip(gradients, plain.parameters(), strict=True):
            assert torch.allclose(gradient, parameter.grad, rtol=1e-3, atol=1e-3)


def test_a_batch_that_is_not_shared_is_normalised_as_ever() -> None:
    plain, synced = make_network(), make_network()
    ranks = Ranks(0, 4)
    synchronize_norms(synced, ranks, "cpu")
    few = torch.rand(3, 3, 8, 8)
    ranks.begin_batch(len(few))
    assert torch.equal(plain(few), synced(few)), "four processes have three images, so each computes all of them"
    ranks.begin_batch(9)
    assert torch.equal(plain.eval()(few), synced.eval()(few)), "outside training no batch counts"


def test_norms_of_a_gpu_are_torchs_own_and_all_keep_what_they_were() -> None:
    for accelerator, kind in (("gpu", GpuNorm), ("cpu", CpuNorm)):
        network = make_network()
        before = copy.deepcopy(network.state_dict())
        parameters = dict(network.named_parameters())
        synchronize_norms(network, Ranks(0, 2), accelerator)
        norms = [module for module in network if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        assert [type(norm) for norm in norms] == [kind] * 3
        assert isinstance(norms[0], nn.SyncBatchNorm) == (accelerator == "gpu")
        assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
        assert all(parameters[name] is value for name, value in network.named_parameters()), "an optimizer has them"
        assert torch.equal(network.eval()(torch.ones(2, 3, 8, 8)), make_network().eval()(torch.ones(2, 3, 8, 8)))


def test_a_norm_of_an_unknown_kind_is_refused_by_its_name() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(SplitBatchNorm2d(2), SplitBatchNorm2d(2)))
    with pytest.raises(InputError, match="only a part of each batch") as error:
        synchronize_norms(network, Ranks(0, 2), "cpu")
    assert [case.split(":")[0] for case in error.value.cases] == ["1.0", "1.1"]
    assert "SplitBatchNorm2d" in error.value.cases[0]
