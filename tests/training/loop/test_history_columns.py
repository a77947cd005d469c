"""Columns of the history mean what they say: losses of the rows that a task has, weighted."""

import numpy as np
import pytest
import torch

from sklearn_tamulag.training.objective.losses import modality_errors
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(24, missing=True)
WEIGHT = np.linspace(0.5, 2, 24)


def held_out(fitted):
    """Which rows were held out."""
    return fitted.unimodal_labels_.isna().all(axis=1).to_numpy()


@pytest.mark.parametrize("label_generation", ["none", "calibrated", "ulgm"])
def test_validation_columns_are_errors_of_the_rows_that_have_the_modality(label_generation):
    options = {"max_epochs": 4, "validation_fraction": 0.4, "label_generation": label_generation}
    fitted = regressor(**options).fit(X, Y, WEIGHT)
    rows = held_out(fitted)
    errors = fitted.predict_unimodal(X).sub(Y, axis=0).abs() / fitted.net_.target.scale
    for name in fitted.modalities_:
        known = rows & (X.lengths[name] > 0)
        expected = np.average(errors.loc[known, name], weights=WEIGHT[known])
        assert fitted.history_[f"valid_{name}"][fitted.best_iter_] == pytest.approx(expected, 1e-5)
    assert not (X.lengths["audio"][rows] > 0).all()


def test_validation_columns_of_a_classifier():
    fitted = classifier(max_epochs=3, validation_fraction=0.4).fit(X, three_classes(Y))
    assert np.isfinite(fitted.history_[["valid_text", "valid_audio"]]).all(axis=None)


def test_training_columns_are_not_weighted_by_disagreement():
    # A rate of zero: every epoch has the same predictions, only the labels move.
    options = {"max_epochs": 5, "lr": 0.0, "dropout": 0, "early_stopping": False}
    fitted = regressor(precision="float64", **options).fit(X, Y, WEIGHT)
    target, predictions = fitted.net_.target, fitted.predict_unimodal(X)
    for epoch in range(1, 6):
        # An epoch is trained towards the labels of the one before.
        labels = np.tile(Y[:, None], 2) if epoch == 1 else fitted.unimodal_label_history_[epoch - 2]
        errors = np.abs(predictions.to_numpy() - labels) / target.scale
        for column, name in enumerate(fitted.modalities_):
            known = X.lengths[name] > 0
            expected = np.average(errors[known, column], weights=WEIGHT[known])
            assert fitted.history_[f"train_{name}"][epoch] == pytest.approx(expected, rel=1e-6)
    # What is minimised is weighted by it, once labels have moved.
    parts = ["train_multimodal", "train_text", "train_audio"]
    sums = fitted.history_[parts].sum(axis=1)
    assert fitted.history_.train_loss[5] < 0.8 * sums[5]


def test_a_column_of_no_rows_is_nan():
    text = X.select("text")
    fitted = regressor(allow_missing=True).fit(X, Y, X_val=text, y_val=Y)
    assert fitted.history_.valid_audio.isna().all()
    assert fitted.history_.valid_text.notna().all()


def test_hidden_modalities_do_not_count():
    fitted = regressor(modality_dropout=0.9, max_epochs=3).fit(*clips(24))
    plain = regressor(max_epochs=3).fit(*clips(24))
    ratio = fitted.history_.train_text / plain.history_.train_text
    assert ((ratio > 0.5) & (ratio < 2)).all()


def test_sums_of_modalities_by_hand():
    sums = modality_errors(
        lambda a, b: (a - b).abs(),
        torch.tensor([[1.0, 4.0], [3.0, 9.0]]),
        torch.zeros(2, 2),
        weight=torch.tensor([2.0, 1.0]),
        present=torch.tensor([[True, True], [True, False]]),
    )
    assert sums.tolist() == [[5.0, 8.0], [3.0, 2.0]]
