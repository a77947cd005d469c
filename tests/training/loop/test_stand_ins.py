"""What stands for a missing modality is fitted after training, however many rows lacked it."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.nn import CrossmodalFusion
from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.training.loop.embedded_rows import EmbeddedRows
from sklearn_tamulag.training.loop.gaps import Gaps, gap_codes
from tests.small_fits import SMALL, classifier, clips, regressor, three_classes

N = 40
FULL, Y = clips(N)
BOTH = pytest.mark.parametrize(
    ("build", "y"),
    [(regressor, Y), (classifier, three_classes(Y))],
    ids=["regressor", "classifier"],
)

# Deeper ones have learned something after more epochs.
DEEP = ("tensor", "low_rank", "attention", "crossmodal")
FUSIONS_AND_EPOCHS = [
    pytest.param(name, 24, marks=pytest.mark.slow) if name in DEEP else (name, 8)
    for name in FUSIONS
]


def without(data, name, rows=slice(None)):
    """The same rows, some of which lack a modality."""
    lengths = data.lengths[name].copy()
    lengths[rows] = 0
    steps = np.arange(data.arrays[name].shape[1]) < lengths[:, None]
    arrays = data.arrays | {name: data.arrays[name] * steps[..., None]}
    return MultimodalData(arrays, data.lengths | {name: lengths}, groups=data.groups)


def learned(fitted):
    """Vectors and gains that stand for missing modalities."""
    module = fitted.net_.module_
    vectors = [branch.absent.detach().numpy().copy() for branch in module.branches]
    return [*vectors, module.absent_gain.gain.detach().numpy().copy()]


def embeddings(fitted, data):
    """The mean embedding of every modality."""
    parts = [np.zeros((len(data), SMALL["embedding_size"])) for _ in data.modalities]
    for rows, output in fitted.net_.outputs(data):
        for part, embedding in zip(parts, output.embeddings, strict=True):
            part[rows] = embedding.numpy()
    return parts


def loss(fitted, data, y):
    if hasattr(fitted, "classes_"):
        column = np.searchsorted(fitted.classes_, y)
        return -fitted.predict_log_proba(data)[np.arange(len(y)), column].mean()
    return np.abs(fitted.predict(data) - y).mean()


@BOTH
@pytest.mark.parametrize(("fusion", "epochs"), FUSIONS_AND_EPOCHS)
def test_stand_ins_serve_rows_with_gaps_better_than_the_mean_embedding(build, y, fusion, epochs):
    early = {"early_stopping": fusion not in DEEP}
    fitted = build(max_epochs=epochs, lr=0.01, fusion=fusion, **early).fit(FULL, y)
    gaps = [without(FULL, name) for name in FULL.modalities]
    error = sum(loss(fitted, data, y) for data in gaps)
    with torch.no_grad():
        branches = fitted.net_.module_.branches
        for branch, part in zip(branches, embeddings(fitted, FULL), strict=True):
            branch.absent.copy_(torch.from_numpy(part.mean(axis=0)))
        fitted.net_.module_.absent_gain.gain.zero_()
    assert error < sum(loss(fitted, data, y) for data in gaps)


@BOTH
def test_complete_rows_do_not_see_them(build, y):
    fitted = build(max_epochs=3).fit(FULL, y)
    before = fitted.transform(FULL)
    with torch.no_grad():
        for branch in fitted.net_.module_.branches:
            branch.absent.fill_(7.0)
        fitted.net_.module_.absent_gain.gain.fill_(7.0)
    np.testing.assert_array_equal(fitted.transform(FULL), before)


@BOTH
@pytest.mark.parametrize("modality_dropout", [0.0, 0.3])
def test_a_row_that_lacks_a_modality_hardly_moves_them(build, y, modality_dropout):
    options = {"max_epochs": 8, "lr": 0.01, "modality_dropout": modality_dropout}
    parts = [build(**options).fit(without(FULL, "audio", rows), y) for rows in ([], [3])]
    none, one = (loss(fitted, without(FULL, "audio"), y) for fitted in parts)
    assert one < 1.15 * none


@BOTH
def test_fits_repeat_and_global_states_stay(build, y):
    state = torch.get_rng_state()
    first, again = (build(max_epochs=2).fit(without(FULL, "text", [1, 2]), y) for _ in range(2))
    for values, expected in zip(learned(first), learned(again), strict=True):
        np.testing.assert_array_equal(values, expected)
    assert torch.equal(torch.get_rng_state(), state)
    assert any(np.abs(values).max() > 0 for values in learned(first)[-1:])


def test_they_are_those_of_the_best_epochs_weights():
    options = {"lr": 0.02, "n_iter_no_change": 3}
    long = regressor(max_epochs=12, **options).fit(FULL, Y, X_val=FULL, y_val=-Y)
    short = regressor(max_epochs=long.best_iter_, **options).fit(FULL, Y, X_val=FULL, y_val=-Y)
    assert long.best_iter_ < long.n_iter_
    for values, expected in zip(learned(long), learned(short), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_partial_fit_on_complete_rows_serves_lacking_rows_as_well():
    lacking = without(FULL, "audio", slice(0, 20))
    fitted = regressor(max_epochs=8, lr=0.01).fit(lacking, Y)
    error = loss(fitted, without(FULL, "audio"), Y)
    fitted.set_params(lr=1e-4).partial_fit(FULL, Y)
    assert loss(fitted, without(FULL, "audio"), Y) < 1.1 * error


@pytest.mark.parametrize("saved", [False, True])
def test_training_that_goes_on_ends_as_an_unbroken_one(saved, tmp_path):
    lacking = without(FULL, "audio", slice(0, 20))
    options = {"early_stopping": False, "batch_size": None, "dropout": 0, "precision": "float64"}
    # An average would begin anew.
    options["weight_averaging"] = None
    broken = regressor(**options, max_epochs=3).fit(lacking, Y)
    if saved:
        broken.save(tmp_path / "model")
        broken = type(broken).load(tmp_path / "model")
    broken.partial_fit(lacking, Y)
    whole = regressor(**options, max_epochs=4).fit(lacking, Y)
    for values, expected in zip(learned(broken), learned(whole), strict=True):
        np.testing.assert_allclose(values, expected, atol=1e-9)
    np.testing.assert_allclose(broken.predict(lacking), whole.predict(lacking), atol=1e-9)


def test_gradients_may_be_switched_off():
    expected = learned(regressor().fit(FULL, Y))
    with torch.no_grad():
        fitted = regressor()
        with torch.enable_grad():
            fitted.fit(FULL, Y)
    for values, other in zip(learned(fitted), expected, strict=True):
        np.testing.assert_array_equal(values, other)


def test_one_modality_alone_has_no_stand_in():
    fitted = regressor().fit(FULL.select("text"), Y)
    assert fitted.net_.module_.branches[0].absent.detach().abs().max() == 0


def test_a_modality_that_no_row_has():
    fitted = regressor(allow_missing=True, max_epochs=1).fit(FULL, Y)
    fitted.partial_fit(FULL.select("text"), Y)
    assert all(np.isfinite(values).all() for values in learned(fitted))


def test_gaps_are_all_there_are_or_a_draw():
    rows, shown = gap_codes(5, 3, np.random.default_rng(0), 1024)
    assert (len(rows), shown.shape) == (30, (30, 3))
    assert not shown.all(dim=1).any()
    assert shown.any(dim=1).all()
    rows, shown = gap_codes(100_000, 5, np.random.default_rng(0), 1024)
    assert len(rows) == len(shown) == 1024
    assert rows.max() > 90_000
    assert not (shown.all(dim=1) | ~shown.any(dim=1)).any()


def test_means_are_those_of_the_rows_that_have_the_modality():
    rows = EmbeddedRows(
        embeddings=[torch.tensor([[1.0], [5.0], [9.0]]), torch.ones(3, 1)],
        present=torch.tensor([[True, False], [True, False], [False, False]]),
        target=torch.zeros(3),
        weight=torch.tensor([1.0, 3.0, 8.0]),
    )
    means = rows.means([torch.zeros(1), torch.tensor([7.0])])
    assert [mean.tolist() for mean in means] == [[4.0], [7.0]]


def test_a_fusion_that_reads_states_sees_those_of_what_a_row_shows():
    fusion = CrossmodalFusion([2, 3], 4, dropout=0.0, state_sizes=[5, 6]).eval()
    lengths = [torch.tensor([3, 0, 2]), torch.tensor([4, 4, 1])]
    states = [torch.randn(3, 3, 5), torch.randn(3, 4, 6)]
    parts = [torch.randn(3, 2), torch.randn(3, 3)]
    present = torch.stack([own > 0 for own in lengths], dim=1)
    rows = EmbeddedRows(parts, present, torch.ones(3), torch.ones(3), states, lengths)
    gaps = Gaps(fusion, rows, np.random.default_rng(0))
    index, left = gaps.draw()
    assert gaps.draw()[0] is index
    # The second row lacks the first modality, and shows the other one whatever is drawn.
    assert left[2:4].tolist() == [[False, True]] * 2
    embeddings = [part[index] for part in parts]
    fused = gaps.fuse(embeddings)
    for place, row in enumerate(index.tolist()):
        shown = [own[[row]] * left[place, m] for m, own in enumerate(lengths)]
        alone = fusion(
            [part[[place]] for part in embeddings], [own[[row]] for own in states], shown
        )
        torch.testing.assert_close(fused[[place]], alone, atol=1e-6, rtol=0)
    # One without the two methods is called as a whole, for new rows in each step.
    whole = nn.Module()
    whole.reads_states, whole.inner = True, fusion
    whole.forward = fusion.forward
    gaps = Gaps(whole, rows, np.random.default_rng(0))
    assert torch.equal(gaps.draw()[0], index)
    torch.testing.assert_close(gaps.fuse(embeddings), fused, atol=1e-6, rtol=0)
