"""The field's models, traced as torch.compile does it."""

import pytest
import torch

from sklearn_tamulag.nn import ModalitySpec, build_module


@pytest.mark.slow
@pytest.mark.parametrize("fusion", ["attention", "crossmodal"])
def test_traced_networks_compute_the_same(fusion):
    cells = {"text": "transformer", "audio": "mlp", "vision": "conv"}
    specs = [ModalitySpec(name, 3, hidden_size=4, cell=cell) for name, cell in cells.items()]
    module = build_module(specs, fusion=fusion, fusion_size=8).eval()
    traced = torch.compile(module, backend="eager", dynamic=True)
    for n_rows, n_steps in ((4, 6), (5, 9)):
        features = {name: torch.randn(n_rows, n_steps, 3) for name in cells}
        lengths = {name: torch.randint(0, n_steps + 1, (n_rows,)) for name in cells}
        expected = module(features, lengths).prediction
        actual = traced(features, lengths).prediction
        torch.testing.assert_close(actual, expected, atol=1e-6, rtol=0)
