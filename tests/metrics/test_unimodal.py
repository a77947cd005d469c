"""How generated labels and y agree with the truth: by hand, with gaps, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag.metrics import unimodal_label_report
from tests.small_fits import classifier, clips, regressor, three_classes

GENERATED = pd.DataFrame(
    {"text": [1.0, -1.0, 3.0, np.nan, -2.0], "audio": [0.0, 2.0, -1.0, 1.0, 0.5]}
)
TRUTH = pd.DataFrame({"text": [2.0, -2.0, 0.0, 1.0, 2.0], "audio": [1.0, 1.0, np.nan, -3.0, 0.0]})
Y = [1.0, -1.0, 2.0, 9.0, 0.0]


def test_by_hand():
    report = unimodal_label_report(GENERATED, TRUTH, Y)
    assert report.columns.tolist() == [
        *["corr", "mae", "polarity", "y_corr", "y_mae", "y_polarity", "rows", "left_out"]
    ]
    assert report.index.tolist() == ["text", "audio"]
    text, audio = report.loc["text"], report.loc["audio"]
    # Row 3 of text has no label. Of the others the truth has a side in rows 0, 1 and 4.
    assert (text["rows"], text["left_out"]) == (4, 1)
    assert text["mae"] == pytest.approx((1 + 1 + 3 + 4) / 4)
    assert text["polarity"] == pytest.approx(2 / 3)
    np.testing.assert_allclose(text["corr"], np.corrcoef([1, -1, 3, -2], [2, -2, 0, 2])[0, 1])
    # y is scored on the same rows; its zero in row 4 is on neither side.
    assert text["y_mae"] == pytest.approx((1 + 1 + 2 + 2) / 4)
    assert text["y_polarity"] == pytest.approx(2 / 3)
    np.testing.assert_allclose(text["y_corr"], np.corrcoef([1, -1, 2, 0], [2, -2, 0, 2])[0, 1])
    assert (audio["rows"], audio["left_out"]) == (4, 1)
    assert audio["mae"] == pytest.approx((1 + 1 + 4 + 0.5) / 4)
    # A label of zero, and one on the other side, are no agreement.
    assert audio["polarity"] == pytest.approx(1 / 3)


def test_without_y_there_are_no_columns_for_it():
    report = unimodal_label_report(GENERATED, TRUTH)
    assert report.columns.tolist() == ["corr", "mae", "polarity", "rows", "left_out"]


def test_sides_are_those_of_the_neutral_point():
    shifted = unimodal_label_report(GENERATED + 50, TRUTH + 50, np.add(Y, 50), neutral=50)
    pd.testing.assert_frame_equal(shifted, unimodal_label_report(GENERATED, TRUTH, Y))
    unshifted = unimodal_label_report(GENERATED + 50, TRUTH + 50)
    assert (unshifted["polarity"] == 1).all()


def test_nothing_to_compare():
    empty = pd.DataFrame({"text": [np.nan] * 5, "audio": 3.0})
    report = unimodal_label_report(empty, TRUTH, Y)
    assert report.loc["text", ["corr", "mae", "polarity", "y_corr"]].isna().all()
    assert report.loc["text", ["rows", "left_out"]].tolist() == [0, 5]
    # A constant has an error but no correlation.
    assert np.isnan(report.loc["audio", "corr"])
    assert report.loc["audio", "mae"] == pytest.approx((2 + 2 + 6 + 3) / 4)
    zeros = unimodal_label_report(GENERATED, TRUTH * 0)
    assert zeros["polarity"].isna().all()


def test_modalities_of_one_table_alone_are_left_aside():
    wider = TRUTH.assign(smell=1.0)[["smell", "audio", "text"]]
    pd.testing.assert_frame_equal(
        unimodal_label_report(GENERATED, wider), unimodal_label_report(GENERATED, TRUTH)
    )
    report = unimodal_label_report(GENERATED, TRUTH[["audio"]])
    assert report.index.tolist() == ["audio"]


@given(order=st.permutations(range(5)))
def test_exact_under_permutation(order):
    order = list(order)
    report = unimodal_label_report(GENERATED.iloc[order], TRUTH.iloc[order], np.array(Y)[order])
    pd.testing.assert_frame_equal(report, unimodal_label_report(GENERATED, TRUTH, Y), rtol=0)


def test_the_labels_of_a_fit():
    X, y = clips(24, missing=True)
    human = pd.DataFrame({"text": y + 0.5, "audio": y})
    human[1::2] = np.nan
    estimator = regressor(validation_fraction=0.25).fit(X, y, unimodal_labels=human)
    report = unimodal_label_report(estimator.unimodal_labels_, human, y)
    held_out = estimator.unimodal_labels_["text"].isna().to_numpy()
    known = ~held_out & (np.arange(24) % 2 == 0)
    assert report.loc["text", "rows"] == known.sum()
    assert report["mae"].max() < 1e-6
    assert report.loc["text", "y_mae"] == pytest.approx(0.5)


NAMED = GENERATED.set_axis(list("abcde"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((GENERATED.to_numpy(), TRUTH), "generated must be a pandas DataFrame .* got ndarray"),
        ((GENERATED, {"text": Y}), "truth must be a pandas DataFrame .* got dict"),
        ((GENERATED, TRUTH[:4]), "truth must have one row per row of generated: .* has 5 rows"),
        ((NAMED, TRUTH.set_axis(list("abced"))), "names row 3 'e', in generated it is 'd'"),
        ((GENERATED, TRUTH[["text", "text"]]), "truth has columns of the same name"),
        ((GENERATED, TRUTH.add_prefix("true_")), "truth must have a modality of generated"),
        ((GENERATED, TRUTH.replace(-3.0, np.inf)), r"truth\['audio'\] must be finite.*row 3"),
        ((GENERATED, TRUTH.replace(-3.0, "bad")), r"truth\['audio'\] must hold numbers"),
        ((GENERATED, TRUTH, Y[:3]), "y must have one value per row of generated"),
        ((GENERATED, TRUTH, [*Y[:4], np.nan]), "y must be finite; row 4 is nan"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        unimodal_label_report(*arguments)


@pytest.mark.parametrize("neutral", [np.nan, "zero"])
def test_a_neutral_point_that_is_none(neutral):
    with pytest.raises(ValueError, match=f"neutral must be a finite number, got {neutral!r}"):
        unimodal_label_report(GENERATED, TRUTH, neutral=neutral)


def test_labels_of_a_classifier_are_refused():
    X, y = clips(24)
    labels = classifier(max_epochs=1).fit(X, three_classes(y)).unimodal_labels_
    with pytest.raises(TypeError, match="generated must have a column per modality"):
        unimodal_label_report(labels, pd.DataFrame({"text": y}))
