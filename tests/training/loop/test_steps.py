"""A step of training never waits for the device: nothing in it reads a tensor on the host."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_tamulag.estimators.parameters import CLASSIFICATION_LABELS, REGRESSION_LABELS
from sklearn_tamulag.training.loop.steps import MultitaskSteps
from tests.small_fits import classifier, clips, regressor, three_classes

# Operators whose result the host has to know: values, and shapes that hang on values.
READS = {
    "_local_scalar_dense",
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
}


class HostReads(TorchDispatchMode):
    """Keeps the names of the operators that would make the host wait for a GPU."""

    def __init__(self, found):
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        # A mask as an index has as many results as it has true values.
        masks = name == "index" and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if name in READS or masks:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def reads(monkeypatch):
    """Names of what reads a tensor within the steps of training."""
    found = []
    step = MultitaskSteps.train_step

    def watched(self, batch, **params):
        with HostReads(found):
            return step(self, batch, **params)

    monkeypatch.setattr(MultitaskSteps, "train_step", watched)
    return found


def test_reads_are_seen():
    found = []
    values = torch.tensor([1.0, 2.0])
    with HostReads(found):
        float(values.sum())
        values[values > 1]
        values[torch.tensor([1])]
    assert found == ["_local_scalar_dense", "index"]


@pytest.mark.parametrize("label_generation", REGRESSION_LABELS)
def test_a_step_of_a_regressor_reads_nothing(label_generation, reads):
    X, y = clips(missing=True, steps=5)
    options = {"modality_dropout": 0.3, "gradient_accumulation": 2, "batch_size": 5}
    regressor(label_generation=label_generation, **options).fit(X, y)
    assert reads == []


@pytest.mark.parametrize("label_generation", CLASSIFICATION_LABELS)
def test_a_step_of_a_classifier_reads_nothing(label_generation, reads):
    X, y = clips(missing=True, steps=5)
    classifier(label_generation=label_generation, fusion="semantic").fit(X, three_classes(y))
    assert reads == []
