"""Estimators that are given strings: from fit to a move to where neither hub nor folder is."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import sklearn_tamulag
from sklearn_tamulag import MultimodalData, MultimodalPadder
from sklearn_tamulag.preprocessing import TextTokenizer
from sklearn_tamulag.text.encoding import TextEncoding
from tests.small_fits import SMALL, classifier, regressor, three_classes
from tests.tiny_bert import CONFIG, VOCABULARY, tiny_bert, tiny_texts

pytest.importorskip("transformers")

TEXTS, Y = tiny_texts(32)
AUDIO = np.random.default_rng(0).normal(size=(32, 4, 3)).astype(np.float32)
FRAME = pd.DataFrame({"text": TEXTS, "audio": list(AUDIO)})


def options(bert, **changes):
    return {"text": {"transformer": bert} | changes}


@pytest.fixture(scope="module")
def fitted(bert):
    return regressor(encoders=options(bert)).fit(FRAME, Y)


@pytest.mark.parametrize(
    "X",
    [
        {"text": TEXTS, "audio": AUDIO},
        {"audio": list(AUDIO), "text": np.array(TEXTS)},
        {"text": pd.Series(TEXTS), "audio": AUDIO},
        FRAME,
    ],
)
def test_every_form_of_strings_gives_the_same(fitted, X):
    np.testing.assert_allclose(fitted.predict(X), fitted.predict(FRAME), atol=1e-5)
    assert fitted.modalities_ == ("text", "audio")
    assert fitted.feature_sizes_ == {"text": None, "audio": 3}


def test_strings_and_their_ids_are_the_same(bert, fitted):
    X = TextTokenizer(bert).fit_transform(FRAME)
    given_ids = regressor(encoders=options(bert)).fit(X, Y)
    np.testing.assert_allclose(given_ids.predict(X), fitted.predict(FRAME), atol=1e-5)
    assert given_ids.tokenizers_ == {}


def test_the_pretrained_weights_are_where_training_starts(bert):
    start = regressor(encoders=options(bert, lr=0.0, weight_decay=0.0)).fit(FRAME, Y)
    model = start.net_.module_.branches[0].encoder.model
    expected = type(model).from_pretrained(bert).state_dict()
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, expected[name]), name


def test_fine_tuning_moves_all_weights_and_freezing_none(bert):
    def moved(**changes):
        fit = regressor(encoders=options(bert, **changes), early_stopping=False).fit(FRAME, Y)
        model = fit.net_.module_.branches[0].encoder.model
        before = type(model).from_pretrained(bert).state_dict()
        return {
            name
            for name, weight in model.state_dict().items()
            if not torch.equal(weight, before[name])
        }

    assert "embeddings.word_embeddings.weight" in moved()
    assert {name.split(".")[2] for name in moved(freeze_layers=1)} == {"1"}
    assert moved(trainable=False) == set()


def test_text_says_what_y_is(bert):
    # The tiny BERT is random: it needs more than two epochs of a rate for fine-tuning.
    fit = regressor(encoders=options(bert, lr=1e-2), max_epochs=40, early_stopping=False)
    texts, y = tiny_texts(96)
    fit.fit({"text": texts[:64]}, y[:64])
    error = np.abs(fit.predict({"text": texts[64:]}) - y[64:]).mean()
    assert error < 0.5 * np.abs(y[64:] - np.median(y[:64])).mean()


def test_a_prediction_depends_on_its_text_alone(fitted):
    together = fitted.predict(FRAME)
    alone = np.concatenate([fitted.predict(FRAME[row : row + 1]) for row in range(8)])
    np.testing.assert_allclose(alone, together[:8], atol=1e-5)
    order = np.random.default_rng(0).permutation(len(FRAME))
    np.testing.assert_allclose(fitted.predict(FRAME.iloc[order]), together[order], atol=1e-5)
    padded = MultimodalPadder().fit_transform(
        {"text": TextEncoding(**fitted.tokenizers_["text"]).encode("text", TEXTS), "audio": AUDIO}
    )
    longer = np.pad(padded.arrays["text"], ((0, 0), (0, 9)))
    X = MultimodalData({**padded.arrays, "text": longer}, padded.lengths)
    np.testing.assert_allclose(fitted.predict(X), together, atol=1e-5)


def test_a_blank_text_is_a_missing_one(fitted):
    X = {"text": ["", None, TEXTS[0]], "audio": AUDIO[:3]}
    predicted = fitted.predict(X)
    assert np.isfinite(predicted).all()
    frame = pd.DataFrame({"text": [np.nan] * 3, "audio": list(AUDIO[:3])})
    np.testing.assert_allclose(fitted.predict(frame)[:2], predicted[:2], atol=1e-5)
    assert (fitted.temporal_attention(X)["text"][:2] == 0).all()


def test_strings_alone_are_enough(bert):
    fit = classifier(encoders=options(bert)).fit(TEXTS, three_classes(Y))
    assert fit.modalities_ == ("text",)
    frame = pd.DataFrame({"text": TEXTS})
    np.testing.assert_allclose(fit.predict_proba(pd.Series(TEXTS)), fit.predict_proba(frame))
    with pytest.raises(ValueError, match="no modality in row 1"):
        fit.predict(["good", ""])


def test_a_configuration_alone_is_random_and_seeded(bert):
    encoders = {"text": {"transformer": CONFIG, "tokenizer": bert}}
    first, second = (regressor(encoders=encoders).fit(FRAME, Y).predict(FRAME) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    ids = {"text": np.random.default_rng(0).integers(5, 20, (32, 6))}
    without = regressor(encoders={"text": {"transformer": CONFIG}}).fit(ids, Y)
    assert without.tokenizers_ == {}
    with pytest.raises(ValueError, match=r"encoders\['text'\] needs a 'tokenizer'"):
        regressor(encoders={"text": {"transformer": CONFIG}}).fit(FRAME, Y)


def test_groups_of_the_optimizer(bert):
    fitted = regressor(encoders=options(bert), lr="auto").fit(FRAME, Y)
    named = dict(fitted.net_.module_.named_parameters())
    names = {id(weight): name for name, weight in named.items()}
    rates = {}
    for group in fitted.net_.optimizer_.param_groups:
        for weight in group["params"]:
            rates[names[id(weight)]] = (group["lr"], group["weight_decay"])
    encoder = {name: rate for name, rate in rates.items() if ".encoder.model." in name}
    assert {rate for rate, _ in encoder.values()} == {5e-5}
    undecayed = {name for name, (_, decay) in encoder.items() if decay == 0}
    # Biases and the weights of normalisation are the vectors, all others are matrices.
    assert undecayed == {name for name in encoder if named[name].ndim == 1}
    others = {rates[name] for name in rates.keys() - encoder.keys()}
    assert others == {(5e-4, 1e-4)}


def test_the_rate_of_the_encoder_is_the_users(bert):
    def rates(**params):
        fit = regressor(max_epochs=1, early_stopping=False, **params).fit(FRAME, Y)
        return {group["lr"] for group in fit.net_.optimizer_.param_groups}

    assert rates(encoders=options(bert, lr=1e-4)) == {1e-4, 2e-3}
    assert rates(encoders=options(bert)) == {SMALL["lr"]}
    assert rates(encoders=options(bert), lr=0.0) == {0.0}
    assert rates(encoders=options(bert), lr="auto") == {5e-5, 5e-4}
    assert rates(encoders=options(bert), lr={"text": 3e-4, "rest": 1e-3}) == {3e-4, 1e-3}
    assert rates(encoders=options(bert), lr={"audio": 3e-4, "rest": 1e-3}) == {5e-5, 3e-4, 1e-3}


def test_precisions(bert):
    for precision in ("float64", "bfloat16"):
        fit = regressor(encoders=options(bert), precision=precision).fit(FRAME, Y)
        assert np.isfinite(fit.predict(FRAME)).all()


def test_clone_and_grid_search(bert):
    estimator = regressor(encoders=options(bert), max_epochs=1)
    assert clone(estimator).get_params()["encoders"] == options(bert)
    grid = {"encoders": [options(bert, freeze_layers=k) for k in (0, 2)]}
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(FRAME, Y)
    assert search.best_params_["encoders"] in grid["encoders"]
    assert np.isfinite(search.predict(FRAME)).all()
    scores = cross_val_score(estimator, TEXTS, Y, cv=2, error_score="raise")
    assert np.isfinite(scores).all()


def test_a_pipeline_of_ids(bert):
    pipeline = make_pipeline(TextTokenizer(bert), regressor(encoders=options(bert)))
    assert np.isfinite(pipeline.fit(FRAME, Y).predict(FRAME)).all()
    scores = cross_val_score(pipeline, FRAME, Y, cv=2, error_score="raise")
    assert np.isfinite(scores).all()


def test_warm_start_and_partial_fit_ask_for_no_model(tmp_path):
    folder = tmp_path / "model"
    encoders = options(tiny_bert(folder))
    fit = regressor(encoders=encoders, warm_start=True).fit(FRAME, Y)
    shutil.rmtree(folder)
    before = fit.predict(FRAME)
    fit.fit(FRAME, Y)
    fit.partial_fit(FRAME, Y)
    assert not np.array_equal(fit.predict(FRAME), before)


LOAD = """
import pathlib, sys, joblib, numpy as np, sklearn_tamulag
folder = pathlib.Path(sys.argv[1])
X, expected = joblib.load(folder / "data.joblib")
saved = [sklearn_tamulag.load(folder / f"{number}.safetensors") for number in range(3)]
for number, estimator in enumerate([*joblib.load(folder / "estimators.joblib"), *saved]):
    assert np.array_equal(estimator.predict(X), expected[number % 3]), number
    if number % 3 < 2:
        estimator.partial_fit(X, expected[0])
print("moved")
"""


def test_a_saved_estimator_needs_neither_hub_nor_folder(tmp_path):
    folder, moved = tmp_path / "model", tmp_path / "moved"
    encoders = [options(tiny_bert(folder), trainable=trainable) for trainable in (True, False)]
    fits = [regressor(encoders=value).fit(FRAME, Y) for value in encoders]
    pipeline = make_pipeline(TextTokenizer(str(folder)), regressor(encoders=encoders[0]))
    fits.append(pipeline.fit(FRAME, Y))
    shutil.rmtree(folder)
    moved.mkdir()
    X = {"text": TEXTS[:9], "audio": np.zeros((9, 1, 3))}
    joblib.dump((X, [fit.predict(X) for fit in fits]), moved / "data.joblib")
    joblib.dump(fits, moved / "estimators.joblib")
    for number, fit in enumerate(fits):
        sklearn_tamulag.save(fit, moved / f"{number}.safetensors")
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOAD, moved],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (0, "moved\n"), finished.stderr
    # Only the constructor's parameter still knows the folder.
    assert all(str(folder).encode() not in pickle.dumps(fit.net_) for fit in fits[:2])


def test_the_model_is_looked_for_before_any_training(bert, tmp_path):
    with pytest.raises(ValueError, match=r"encoders\['text'\]\['transformer'\] = .*nowhere"):
        regressor(encoders=options(str(tmp_path / "nowhere"))).fit(FRAME, Y)
    with pytest.raises(ValueError, match=r"encoders\['text'\]\['tokenizer'\] = .*nowhere"):
        regressor(encoders=options(bert, tokenizer=tmp_path / "nowhere")).fit(FRAME, Y)


def test_a_tokenizer_of_another_model_is_refused(bert, tmp_path):
    other = tiny_bert(tmp_path / "other", vocabulary=(*VOCABULARY, "extra"), vocab_size=64)
    with pytest.raises(ValueError, match="disagree on their vocabulary"):
        regressor(encoders=options(bert, tokenizer=other)).fit(FRAME, Y)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (["good", 7, *TEXTS[2:]], TypeError, "'text', row 1, must be a string.* got 7"),
        ([7, *TEXTS[1:]], TypeError, "'text', row 0, must be a string.* got 7"),
        (np.ones((32, 2, 3)), ValueError, r"'text' holds features \(3 per step\)"),
        (np.full((32, 2), 99), ValueError, "token id 99 at row 0, step 0"),
        ([None] * 32, ValueError, "'text' is missing in every row"),
    ],
)
def test_what_is_no_text_is_refused(bert, text, error, message):
    with pytest.raises(error, match=message):
        regressor(encoders=options(bert)).fit({"text": text, "audio": AUDIO}, Y)


def test_strings_without_a_transformer_say_what_to_do():
    with pytest.raises(ValueError, match=r"'text', row 0, holds strings.*name a transformer"):
        regressor().fit(FRAME, Y)
    with pytest.raises(ValueError, match=r"'text', row 0, holds strings.*TextTokenizer"):
        regressor(encoders={"text": {"hidden_size": 3}}).fit(FRAME, Y)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"hidden_size": 8}, r"\['text'\] has the option 'hidden_size', which a transformer"),
        ({"layers": 8}, "has the option 'layers', which a transformer encoder does not have"),
        ({"freeze_layers": -1}, r"\['text'\]\['freeze_layers'\] must be an int in the range"),
        ({"trainable": "yes"}, r"\['text'\]\['trainable'\] must be"),
        ({"transformer": 5}, r"\['text'\]\['transformer'\] must be .* got 5"),
        ({"lr": -1.0}, r"\['text'\]\['lr'\] must be"),
        ({"max_length": 0}, r"\['text'\]\['max_length'\] must be"),
        ({"freeze_layers": 9}, "freeze_layers must be between 0 and 2"),
        ({"max_length": 99}, "max_length must be at most 24"),
    ],
)
def test_options_of_a_transformer(bert, entry, message):
    with pytest.raises(ValueError, match=message):
        regressor(encoders=options(bert, **entry)).fit(FRAME, Y)


def test_options_without_a_transformer():
    message = "'freeze_layers', which a recurrent encoder does not have: it needs a transformer"
    with pytest.raises(ValueError, match=message):
        regressor(encoders={"text": {"freeze_layers": 1}}).fit(FRAME, Y)


def test_long_texts_are_counted_once(bert):
    with pytest.warns(UserWarning, match="32 of 32 texts have more than 3 tokens") as caught:
        regressor(encoders=options(bert, max_length=3)).fit(FRAME, Y)
    assert len([w for w in caught if "tokens" in str(w.message)]) == 1


def test_without_the_extra(monkeypatch, bert):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-tamulag\[text\]"'):
        regressor(encoders=options(bert)).fit(FRAME, Y)
