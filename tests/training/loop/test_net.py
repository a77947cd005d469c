"""What a training run does to the network: every row, parameter and leftover batch counts."""

import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_tamulag.estimators.parameters import CLASSIFICATION_LABELS, REGRESSION_LABELS
from sklearn_tamulag.training.feeding.rows import FeatureTable, RowDataset
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes


class Gradients(Callback):
    """Keeps the norm of every parameter's gradient at every step, in a list of the test's."""

    def __init__(self, steps):
        self.steps = steps

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.steps.append(
            {
                name: float(weight.grad.norm())
                for name, weight in named_parameters
                if weight.grad is not None
            }
        )


def states_of(estimator):
    return dict(estimator.net_.module_.state_dict())


@pytest.mark.parametrize("attention", ["softmax", "gate", "mean", "last"])
def test_every_row_trains_the_recurrent_layers(attention):
    # What not to inherit, 1: 31 of 32 rows gave no gradient to the recurrent layers.
    X, y = clips(8)
    steps = []
    regressor(
        attention=attention,
        batch_size=1,
        max_epochs=1,
        early_stopping=False,
        embedding_size=16,
        callbacks=[Gradients(steps)],
    ).fit(X, y)
    assert len(steps) == 8
    for step in steps:
        inputs = {name: norm for name, norm in step.items() if "weight_ih" in name}
        assert len(inputs) == 2
        assert min(inputs.values()) > 0


@pytest.mark.parametrize("label_generation", REGRESSION_LABELS)
def test_everything_trainable_is_in_the_optimizer_and_the_state(label_generation):
    # What not to inherit, 3: the confidence layers were in no optimizer and no state dict.
    net = regressor(label_generation=label_generation).fit(*clips()).net_
    names = {name for name, _ in net.module_.named_parameters()}
    assert names <= set(net.module_.state_dict())
    groups = net.optimizer_.param_groups
    optimized = {id(weight) for group in groups for weight in group["params"]}
    assert optimized == {id(weight) for weight in net.module_.parameters()}
    assert any("confidence" in name for name in names) == (label_generation == "ulag")


@pytest.mark.parametrize("label_generation", REGRESSION_LABELS)
def test_unimodal_representations_of_their_own_size(label_generation):
    X, y = clips()
    sizes = {"text": 5, "audio": 3}
    estimator = regressor(label_generation=label_generation, unimodal_size=sizes).fit(X, y)
    _, output = next(estimator.net_.outputs(X))
    assert [part.shape[1] for part in output.unimodal] == [5, 3]
    assert np.isfinite(estimator.predict_unimodal(X).to_numpy()).all()


def test_an_encoder_with_rate_zero_stays_as_it_was():
    X, y = clips()
    start, end = (
        regressor(encoders={"text": {"lr": 0.0, "weight_decay": 0.0}}, lr=lr, max_epochs=3)
        .fit(X, y)
        .net_.module_.state_dict()
        for lr in (0.0, 0.01)
    )
    still = {name for name in start if start[name].equal(end[name])}
    assert {name for name in start if name.startswith("branches.0.encoder.")} <= still
    assert not any(name.startswith("branches.1.encoder.") for name in still)
    assert "branches.0.embedding.1.weight" not in still


def test_confidence_layers_learn():
    X, y = clips()
    before, after = (
        regressor(label_generation="ulag", max_epochs=3, **{**STRICT, "lr": lr}).fit(X, y)
        for lr in (0.0, 0.01)
    )
    moved = {
        name: not torch.equal(states_of(before)[name], value)
        for name, value in states_of(after).items()
        if name.startswith("confidence")
    }
    assert len(moved) == 2 * (1 + 2 + 2 * 2)
    assert all(moved.values()), moved


def gradients_of_one_batch(estimator, X, y, *, detach):
    """Gradients by parameter of a training step, the similarity labels detached or not."""
    from sklearn_tamulag.labels import LabelMemory

    net = estimator.net_
    table = FeatureTable(X, dtype=torch.float64, device="cpu")
    dataset = RowDataset(table, np.arange(len(X)), y)
    net.memory = LabelMemory(net.target.encode(dataset.y), dataset.weight, dataset.present, None)
    inputs, y_true = dataset[np.arange(len(X))]
    net.module_.zero_grad()
    output = net.infer(inputs)
    if detach:
        output.confidence = output.confidence.detach()
    net._task_losses(output, y_true, inputs, training=True)[0].sum().backward()
    del net.memory
    return {name: weight.grad for name, weight in net.module_.named_parameters()}


def test_targets_move_nothing_but_the_confidence_layers():
    # What not to inherit, 4: generated targets were not detached, so the loss moved them too.
    X, y = clips()
    estimator = regressor(label_generation="ulag", max_epochs=1, **STRICT).fit(X, y)
    moving, fixed = (gradients_of_one_batch(estimator, X, y, detach=d) for d in (False, True))
    for name, gradient in moving.items():
        if name.startswith("confidence"):
            assert fixed[name] is None or not fixed[name].any(), name
            if name.endswith("weight"):
                assert gradient.any(), name
        elif not name.endswith("absent"):
            torch.testing.assert_close(gradient, fixed[name], atol=0, rtol=0)


@pytest.mark.parametrize("label_generation", REGRESSION_LABELS)
def test_unimodal_losses_count_from_the_first_epoch(label_generation):
    # What not to inherit, 6: they were exactly zero, and weight decay alone moved those heads.
    history = regressor(label_generation=label_generation, max_epochs=3).fit(*clips()).history_
    assert (history[["train_text", "train_audio"]].to_numpy() > 0).all()
    total = history[["train_multimodal", "train_text", "train_audio"]].sum(axis=1)
    # Until labels have moved, no term is weighted by disagreement.
    np.testing.assert_allclose(history["train_loss"][:2], total[:2], rtol=1e-6)


@pytest.mark.parametrize("label_generation", CLASSIFICATION_LABELS)
def test_unimodal_losses_of_classes_count_from_the_first_epoch(label_generation):
    X, y = clips()
    history = classifier(label_generation=label_generation).fit(X, three_classes(y)).history_
    assert (history[["train_text", "train_audio"]].to_numpy() > 0.1).all()


@pytest.mark.parametrize(("batch_size", "accumulation"), [(6, 4), (7, 4), (23, 2), (1, 24)])
def test_accumulated_batches_equal_one_big_batch(batch_size, accumulation):
    # What not to inherit, 7: leftover batches of a group were dropped.
    X, y = clips(24, missing=True)
    weight = np.random.default_rng(0).uniform(0.5, 2, 24)
    whole = regressor(**STRICT, gradient_clipping=0.5).fit(X, y, weight)
    parts = regressor(
        **{**STRICT, "batch_size": batch_size},
        gradient_clipping=0.5,
        gradient_accumulation=accumulation,
    ).fit(X, y, weight)
    for name, value in states_of(whole).items():
        torch.testing.assert_close(states_of(parts)[name], value, atol=1e-10, rtol=0)
    np.testing.assert_allclose(parts.predict(X), whole.predict(X), atol=1e-10)
    np.testing.assert_allclose(parts.unimodal_labels_, whole.unimodal_labels_, atol=1e-10)


def test_a_short_last_group_moves_the_weights_too():
    steps = []
    # 11 batches in groups of 4: three steps an epoch, the last one of 3 batches.
    regressor(
        batch_size=2, gradient_accumulation=4, early_stopping=False, callbacks=[Gradients(steps)]
    ).fit(*clips(22))
    assert len(steps) == 2 * 3


def test_every_step_has_a_gradient_of_its_own():
    steps = []
    options = STRICT | {"lr": 0.0, "weight_decay": 0.0, "max_epochs": 3}
    regressor(**options, label_generation="none", callbacks=[Gradients(steps)]).fit(*clips())
    # The weights stay, and so the gradient is the same in every step: nothing is left over.
    for step in steps[1:]:
        assert step == pytest.approx(steps[0])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_batch_of_one_row_and_two_layers(cell, bidirectional):
    # What not to inherit, 7: this crashed on a squeeze.
    X, y = clips(5)
    estimator = regressor(
        num_layers=2, cell=cell, bidirectional=bidirectional, batch_size=2, early_stopping=False
    ).fit(X, y)
    assert np.isfinite(estimator.predict(X[:1])).all()
    assert np.isfinite(estimator.history_["train_loss"]).all()


def test_validation_loss_is_over_rows_whatever_the_batches():
    # What not to inherit, 8: a mean of batch means over shuffled batches, .94 to 1.12.
    X, y = clips(12)
    X_val, y_val = clips(300, seed=1)
    options = {**STRICT, "lr": 0.0, "early_stopping": True, "max_epochs": 2}
    losses = []
    for batch_size in (5, 512):
        estimator = regressor(**{**options, "batch_size": batch_size})
        estimator.fit(X, y, X_val=X_val, y_val=y_val)
        error = np.abs(estimator.predict(X_val) - y_val).mean() / estimator.net_.target.scale
        np.testing.assert_allclose(estimator.history_["valid_loss"], error, rtol=1e-12)
        np.testing.assert_array_equal(
            estimator.history_["valid_loss"], estimator.history_["valid_multimodal"]
        )
        losses.append(error)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)


def test_training_loss_is_over_rows_whatever_the_batches():
    X, y = clips(23)
    weight = np.random.default_rng(0).uniform(0.5, 2, 23)
    one, several = (
        regressor(**{**STRICT, "lr": 0.0, "batch_size": size, "max_epochs": 1}).fit(X, y, weight)
        for size in (None, 5)
    )
    np.testing.assert_allclose(several.history_["train_loss"], one.history_["train_loss"])
    np.testing.assert_allclose(several.history_["train_audio"], one.history_["train_audio"])


@pytest.mark.parametrize("label_generation", REGRESSION_LABELS)
def test_an_absent_polarity_is_no_nan(label_generation):
    # What not to inherit, 5: centres, labels and then weights became NaN without a word.
    X, y = clips()
    estimator = regressor(label_generation=label_generation, neutral=0.0, max_epochs=4)
    estimator.fit(X, np.abs(y) + 0.1)
    losses = estimator.history_[["train_loss", "valid_loss"]]
    assert np.isfinite(losses.to_numpy()).all()
    assert np.isfinite(estimator.predict(X)).all()
    labels = estimator.unimodal_labels_.dropna()
    np.testing.assert_allclose(
        labels, (np.abs(y) + 0.1)[labels.index][:, np.newaxis].repeat(2, 1), rtol=1e-6
    )


def test_batch_losses_in_the_history_are_those_of_their_pass():
    estimator = regressor(batch_size=8, validation_fraction=0.25).fit(*clips(24))
    batches = estimator.net_.history[-1]["batches"]
    assert [sorted(batch) for batch in batches] == [
        *[["train_batch_size", "train_loss"]] * 3,
        ["valid_batch_size", "valid_loss"],
    ]
    for batch in batches:
        assert isinstance(batch.get("train_loss", batch.get("valid_loss")), float)
    row = estimator.net_.history[-1]
    assert row["train_batch_count"] == 3
    assert batches[-1]["valid_loss"] == pytest.approx(row["valid_loss"])


def test_the_net_scores_and_predicts_like_its_estimator():
    X, y = clips()
    estimator = regressor().fit(X, 100 + 10 * y)
    np.testing.assert_allclose(estimator.net_.predict(X), estimator.predict(X), atol=1e-4)
    names = three_classes(y)
    labelled = classifier().fit(X, names)
    np.testing.assert_array_equal(labelled.classes_[labelled.net_.predict(X)], labelled.predict(X))
    np.testing.assert_allclose(labelled.net_.predict_proba(X), labelled.predict_proba(X), atol=1e-6)


def test_the_net_takes_multimodal_data_only():
    X, y = clips()
    net = regressor().fit(X, y).net_
    with pytest.raises(TypeError, match="X must be MultimodalData or a data set, got ndarray"):
        net.predict(np.zeros((3, 2)))


def test_a_fitted_net_holds_no_training_data():
    sizes = [
        len(pickle.dumps(regressor(label_generation="none", max_epochs=1).fit(*clips(n, steps=20))))
        for n in (20, 320)
    ]
    # A row of features takes 20 * 7 * 8 bytes; its label and place in the history take far fewer.
    assert sizes[1] - sizes[0] < 300 * 150
