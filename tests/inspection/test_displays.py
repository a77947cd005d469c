"""What the displays draw, told from their artists; fake estimators stand for trained ones."""

import builtins

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.inspection import TemporalAttentionDisplay, UnimodalLabelDisplay

plt = pytest.importorskip("matplotlib.pyplot")

N_ROWS = 5
LENGTHS = {"text": np.array([3, 2, 4, 1, 4]), "audio": np.array([6, 0, 2, 5, 1])}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def X():
    arrays = {"text": np.ones((N_ROWS, 4, 2)), "audio": np.ones((N_ROWS, 6, 3))}
    return MultimodalData(arrays, LENGTHS)


class Attentive(BaseEstimator):
    """A predictor whose weights grow with the step."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def temporal_attention(self, X):
        weights = {}
        for name, lengths in X.lengths.items():
            steps = np.arange(1.0, X.arrays[name].shape[1] + 1)
            raw = steps * (steps <= lengths[:, None])
            weights[name] = raw / np.maximum(raw.sum(axis=1, keepdims=True), 1)
        return weights


class Shortener(TransformerMixin, BaseEstimator):
    """A transformer that keeps the first two steps."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        arrays = {name: array[:, :2] for name, array in X.arrays.items()}
        return MultimodalData(arrays, {name: np.minimum(x, 2) for name, x in X.lengths.items()})


def heights(display, name):
    return [bar.get_height() for bar in display.bars_[name]]


def test_bars_are_the_weights_of_the_valid_steps(X):
    display = TemporalAttentionDisplay.from_estimator(Attentive(), X, row=0)
    np.testing.assert_allclose(heights(display, "text"), np.array([1, 2, 3]) / 6)
    np.testing.assert_allclose(heights(display, "audio"), np.arange(1, 7) / 21)
    assert display.lengths == {"text": 3, "audio": 6}
    assert display.attention["text"].tolist()[3:] == [0.0]
    assert len(display.axes_) == 2
    assert display.axes_[0].figure is display.figure_
    assert [panel.get_title(loc="left") for panel in display.axes_] == ["text", "audio"]
    assert display.axes_[1].get_xlabel() == "step"
    assert {panel.get_ylabel() for panel in display.axes_} == {"weight"}


def test_the_dashed_line_is_the_uniform_weight(X):
    display = TemporalAttentionDisplay.from_estimator(Attentive(), X, row=2)
    for panel, length in zip(display.axes_, (4, 2), strict=True):
        (line,) = panel.get_lines()
        assert line.get_linestyle() == "--"
        assert list(line.get_ydata()) == [1 / length] * 2
    (legend,) = [panel.get_legend() for panel in display.axes_ if panel.get_legend()]
    assert [text.get_text() for text in legend.get_texts()] == ["uniform weight"]


@pytest.mark.parametrize("row", [-1, 4, np.int64(4)])
def test_rows_count_from_either_end(X, row):
    display = TemporalAttentionDisplay.from_estimator(Attentive(), X, row=row)
    np.testing.assert_allclose(heights(display, "text"), np.array([1, 2, 3, 4]) / 10)


def test_cues_are_marked_and_their_share_is_told(X):
    cues = {"text": np.zeros((N_ROWS, 4), dtype=bool)}
    cues["text"][0, [1, 3]] = True
    display = TemporalAttentionDisplay.from_estimator(Attentive(), X, cues=cues)
    colors = [bar.get_facecolor() for bar in display.bars_["text"]]
    assert colors[0] == colors[2] != colors[1]
    assert len({bar.get_facecolor() for bar in display.bars_["audio"]}) == 1
    # Two of six parts of the weight lie on one of three steps; the cue on padding does not count.
    title = display.axes_[0].get_title(loc="left")
    assert title == "text: 33% of the weight on 33% of the steps, the cues"
    legend = display.axes_[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["cue step", "uniform weight"]
    assert legend.get_patches()[0].get_facecolor() == colors[1]


def test_weights_below_zero_are_drawn_without_a_share():
    display = TemporalAttentionDisplay(
        {"text": [0.2, -0.1]}, {"text": 2}, cues={"text": [True, False]}
    ).plot()
    assert heights(display, "text") == [0.2, -0.1]
    assert display.axes_[0].get_title(loc="left") == "text"


def test_a_missing_modality_says_so(X):
    display = TemporalAttentionDisplay.from_estimator(Attentive(), X, row=1)
    assert heights(display, "audio") == []
    assert [text.get_text() for text in display.axes_[1].texts] == ["missing in this row"]


def test_a_row_without_any_modality_has_no_legend():
    display = TemporalAttentionDisplay({"text": [0.0, 0.0]}, {"text": 0}).plot()
    assert display.axes_[0].get_legend() is None


@pytest.mark.parametrize("steps", [["shorten", "model"], ["model"]])
def test_a_pipeline_shows_what_its_last_step_sees(X, steps):
    parts = {"shorten": Shortener(), "model": Attentive()}
    pipeline = Pipeline([(name, parts[name]) for name in steps]).fit(X, np.zeros(N_ROWS))
    display = TemporalAttentionDisplay.from_estimator(pipeline, X)
    assert display.lengths == (
        {"text": 2, "audio": 2} if len(steps) == 2 else {"text": 3, "audio": 6}
    )


def test_other_forms_of_data(X):
    ragged = {name: [np.ones((int(length), 2)) for length in LENGTHS[name]] for name in LENGTHS}
    ragged["audio"][1] = None
    expected = TemporalAttentionDisplay.from_estimator(Attentive(), X, row=3)
    for data in (ragged, pd.DataFrame(ragged)):
        display = TemporalAttentionDisplay.from_estimator(Attentive(), data, row=3)
        assert display.lengths == expected.lengths
        assert heights(display, "audio") == heights(expected, "audio")


def test_a_table_is_one_step_of_one_modality():
    class OneStep:
        def temporal_attention(self, X):
            return {"features": np.ones((len(X), 1))}

    table = np.zeros((4, 3))
    for data in (table, table.tolist(), pd.DataFrame(table, columns=["a", "b", "c"])):
        display = TemporalAttentionDisplay.from_estimator(OneStep(), data, row=2)
        assert display.lengths == {"features": 1}
        assert heights(display, "features") == [1.0]


@pytest.mark.parametrize("display_class", [TemporalAttentionDisplay, UnimodalLabelDisplay])
def test_axes_that_are_handed_in_are_used(display_class):
    display = {
        TemporalAttentionDisplay: TemporalAttentionDisplay(
            {"a": [1.0], "b": [1.0]}, {"a": 1, "b": 1}
        ),
        UnimodalLabelDisplay: UnimodalLabelDisplay(pd.DataFrame({"a": [1.0], "b": [2.0]})),
    }[display_class]
    figure, axes = plt.subplots(2, 2)
    assert display.plot(ax=axes[0]) is display
    assert display.axes_.tolist() == axes[0].tolist()
    assert display.figure_ is figure
    display.plot(ax=axes[1, 0])
    assert display.figure_ is figure
    assert len(display.axes_) == 2
    assert set(display.axes_).isdisjoint(axes.ravel())
    assert not axes[1, 0].axison
    assert plt.get_fignums() == [figure.number]


def test_one_modality_draws_in_the_axes_itself():
    figure = plt.figure()
    free = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    display = TemporalAttentionDisplay({"text": [1.0]}, {"text": 1}).plot(ax=free)
    assert display.axes_.tolist() == [free]


def test_axes_that_do_not_fit():
    display = TemporalAttentionDisplay({"a": [1.0], "b": [1.0]}, {"a": 1, "b": 1})
    for ax in (plt.subplots(1, 3)[1], "here", 3):
        with pytest.raises(ValueError, match="one matplotlib Axes or 2 of them"):
            display.plot(ax=ax)
    with pytest.raises(ValueError, match="grid of subplots"):
        display.plot(ax=plt.figure().add_axes((0, 0, 1, 1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"text": [1.0]}, {}), 'every modality; "text" is missing'),
        (({"text": [1.0]}, {"text": 2}), r"shape \(1,\) and length 2"),
        (({"text": [1.0]}, {"text": -1}), "length -1"),
        (({"text": [[1.0]]}, {"text": 1}), r"shape \(1, 1\)"),
        (({"text": [1.0]}, {"text": 1}, {"audio": [True]}), r'names "audio".*\[\'text\'\]'),
        (({"text": [1.0]}, {"text": 1}, {"text": [True] * 2}), r"shape \(1,\).*got \(2,\)"),
    ],
)
def test_attention_that_does_not_fit(arguments, message):
    cues = arguments[2] if len(arguments) == 3 else None
    with pytest.raises(ValueError, match=message):
        TemporalAttentionDisplay(*arguments[:2], cues=cues)


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        (5, ValueError, "between -5 and 4; got 5"),
        (-6, ValueError, "got -6"),
        (1.0, TypeError, "integer; got 1.0"),
        (True, TypeError, "integer; got True"),
    ],
)
def test_rows_that_are_not_there(X, row, error, message):
    with pytest.raises(error, match=f"row must .*{message}"):
        TemporalAttentionDisplay.from_estimator(Attentive(), X, row=row)


def test_estimators_without_what_is_shown(X):
    with pytest.raises(TypeError, match=r"method temporal_attention.*got Shortener"):
        TemporalAttentionDisplay.from_estimator(Shortener(), X)
    with pytest.raises(TypeError, match=r"attribute unimodal_labels_.*got Shortener"):
        UnimodalLabelDisplay.from_estimator(Shortener())


class Labelled(BaseEstimator):
    """A predictor with generated labels."""

    def __init__(self, labels=None):
        self.labels = labels

    def fit(self, X, y=None):
        self.unimodal_labels_ = self.labels
        return self


@pytest.fixture
def labels():
    return pd.DataFrame(
        {"text": [-1.0, 0.0, 1.0, np.nan, 2.0], "audio": [0.5, np.nan, -0.5, 1.0, 0.0]},
        index=list("abcde"),
    )


@pytest.fixture
def truth():
    return pd.DataFrame({"audio": [1.0, 0, -1, 2, 1], "text": [-2.0, 0, 2, 9, np.nan]})


def test_labels_over_the_truth(labels, truth):
    y = [-1.0, -0.5, 1.0, 0.0, 3.0]
    display = UnimodalLabelDisplay.from_estimator(Labelled(labels).fit(None), truth=truth, y=y)
    points = display.artists_["text"].get_offsets()
    np.testing.assert_array_equal(points, [[-2, -1], [0, 0], [2, 1]])
    np.testing.assert_array_equal(
        display.artists_["audio"].get_offsets(), [[1, 0.5], [-1, -0.5], [2, 1], [1, 0]]
    )
    y_corr = np.corrcoef([-2, 0, 2], y[:3])[0, 1]
    assert display.axes_[0].get_title() == f"text\nr = 1.00 (y itself: {y_corr:.2f})"
    assert display.axes_[0].get_xlabel() == "true unimodal label"
    assert display.axes_[0].get_ylabel() == "generated label"
    assert display.axes_[0].get_xlim() == display.axes_[0].get_ylim()


def test_labels_over_y(labels):
    y = np.array([-1.0, -0.5, 1.0, 0.0, 3.0])
    display = UnimodalLabelDisplay(labels, y=y).plot()
    np.testing.assert_array_equal(display.artists_["text"].get_offsets()[:, 0], y[[0, 1, 2, 4]])
    assert display.axes_[1].get_xlabel() == "multimodal label y"
    corr = np.corrcoef([0.5, -0.5, 1, 0], y[[0, 2, 3, 4]])[0, 1]
    assert display.axes_[1].get_title() == f"audio\nr = {corr:.2f}"


def test_labels_alone(labels):
    display = UnimodalLabelDisplay(labels).plot()
    for name in labels:
        assert sum(bar.get_height() for bar in display.artists_[name]) == 4
    assert display.axes_[0].get_title() == "text"
    assert display.axes_[0].get_ylabel() == "rows"


def test_a_modality_without_labels_says_so(labels):
    labels["text"] = np.nan
    display = UnimodalLabelDisplay(labels, y=np.zeros(5)).plot()
    assert display.axes_[0].get_title() == "text\nno labels"
    assert (
        sum(bar.get_height() for bar in UnimodalLabelDisplay(labels).plot().artists_["text"]) == 0
    )


def test_a_pipeline_shows_the_labels_of_its_last_step(labels):
    pipeline = Pipeline([("shorten", Shortener()), ("model", Labelled(labels))])
    pipeline[-1].fit(None)
    display = UnimodalLabelDisplay.from_estimator(pipeline)
    assert list(display.artists_) == ["text", "audio"]


@pytest.fixture
def class_labels():
    columns = pd.MultiIndex.from_product([["text", "audio"], ["bad", "good"]])
    values = [[0.9, 0.1, 0.3, 0.7], [0.2, 0.8, 0.4, 0.6], [0.6, 0.4, np.nan, np.nan]]
    return pd.DataFrame(values, columns=columns)


def spread(bars):
    """Return the lower edges of the bars that hold rows."""
    return [round(bar.get_x(), 2) for bar in bars if bar.get_height()]


def test_class_labels_over_the_truth(class_labels):
    truth = pd.DataFrame({"text": ["bad", "bad", None], "audio": ["good"] * 3})
    display = UnimodalLabelDisplay(class_labels, truth=truth, y=["good", "bad", "bad"]).plot()
    assert spread(display.artists_["text"]) == [0.2, 0.88]
    assert sum(bar.get_height() for bar in display.artists_["audio"]) == 2
    assert display.axes_[0].get_title() == "text\nagree: 50% (y itself: 50%)"
    assert display.axes_[1].get_title() == "audio\nagree: 100% (y itself: 50%)"
    assert display.axes_[0].get_xlabel() == "probability of the true class"


def test_class_labels_over_y(class_labels):
    display = UnimodalLabelDisplay(class_labels, y=["good", "good", "bad"]).plot()
    assert spread(display.artists_["text"]) == [0.08, 0.6, 0.8]
    assert display.axes_[0].get_title() == "text\nagree: 67%"
    assert display.axes_[0].get_xlabel() == "probability of y's class"


def test_class_labels_alone(class_labels):
    display = UnimodalLabelDisplay(class_labels).plot()
    assert spread(display.artists_["text"]) == [0.6, 0.8, 0.88]
    assert display.axes_[0].get_xlabel() == "probability of the most probable class"
    class_labels["text"] = np.nan
    display = UnimodalLabelDisplay(class_labels, y=["bad"] * 3).plot()
    assert display.axes_[0].get_title() == "text\nno labels"


def test_classes_that_labels_do_not_have(class_labels):
    with pytest.raises(ValueError, match=r"y must hold classes .*\['bad', 'good'\]; got \"fine\""):
        UnimodalLabelDisplay(class_labels, y=["good", "fine", "bad"]).plot()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y": [1.0, 2.0]}, ValueError, "y must have 5 rows, as labels; got 2"),
        ({"truth": pd.DataFrame({"text": [1.0]})}, ValueError, "truth must have 5 rows"),
        (
            {"truth": pd.DataFrame({"text": [1.0] * 5})},
            ValueError,
            r"\['audio'\] are missing, it has \['text'\]",
        ),
        ({"truth": np.zeros((5, 2))}, TypeError, "truth must be a DataFrame; got ndarray"),
    ],
)
def test_truth_and_y_that_do_not_fit(labels, options, error, message):
    with pytest.raises(error, match=message):
        UnimodalLabelDisplay(labels, **options)


def test_labels_that_are_no_table():
    with pytest.raises(TypeError, match="labels must be a DataFrame; got list"):
        UnimodalLabelDisplay([[1.0]])


def test_without_matplotlib_the_extra_is_named(monkeypatch, labels):
    original = builtins.__import__

    def refuse(name, *arguments, **keywords):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", refuse)
    display = UnimodalLabelDisplay(labels)
    with pytest.raises(ImportError, match=r'pip install "sklearn-tamulag\[plot\]"'):
        display.plot()
