"""Attention on texts by token and by word, and what shows it."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import sklearn_tamulag
from sklearn_tamulag.inspection import TemporalAttentionDisplay, missing_modality_report
from sklearn_tamulag.preprocessing import TextEmbedder
from sklearn_tamulag.text.encoding import TextEncoding
from tests.small_fits import classifier, regressor
from tests.tiny_bert import tiny_texts

pytest.importorskip("transformers")

TEXTS, Y = tiny_texts(16)
AUDIO = np.random.default_rng(0).normal(size=(16, 4, 3)).astype(np.float32)
FRAME = pd.DataFrame({"text": TEXTS, "audio": list(AUDIO)})


@pytest.fixture(scope="module")
def fitted(bert):
    return regressor(encoders={"text": {"transformer": bert}}, max_epochs=1).fit(FRAME, Y)


ROWS = {"text": ["GOOD films!", "", "the film"], "audio": AUDIO[:3]}


def test_by_token(fitted):
    weights = fitted.temporal_attention(ROWS)["text"]
    table = fitted.temporal_attention(ROWS, by="token")
    assert list(table) == ["text"]
    table = table["text"]
    assert table["token"].tolist() == [
        *("[CLS]", "good", "film", "##s", "!", "[SEP]"),
        *("[CLS]", "the", "film", "[SEP]"),
    ]
    assert table["row"].tolist() == [0] * 6 + [2] * 4
    assert table["step"].tolist() == [*range(6), *range(4)]
    assert table["special"].tolist() == [
        *(True, False, False, False, False, True),
        *(True, False, False, True),
    ]
    np.testing.assert_array_equal(table["weight"][:6], weights[0, :6])
    spans = table[["start", "stop"]].to_numpy()[1:5]
    assert ["GOOD films!"[start:stop] for start, stop in spans] == ["GOOD", "film", "s", "!"]


def test_by_word(fitted):
    tokens = fitted.temporal_attention(ROWS, by="token")["text"]
    table = fitted.temporal_attention(ROWS, by="word")["text"]
    assert table["word"].tolist() == [
        *("[CLS]", "GOOD", "films", "!", "[SEP]"),
        *("[CLS]", "the", "film", "[SEP]"),
    ]
    assert table["weight"][2] == pytest.approx(tokens["weight"][2] + tokens["weight"][3])
    sums = table.groupby("row")["weight"].sum()
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    assert table.loc[table["special"], "word"].tolist() == ["[CLS]", "[SEP]"] * 2


def test_other_ways_are_refused(fitted):
    with pytest.raises(ValueError, match=r"by must be one of \['step', 'token', 'word'\], got 'x'"):
        fitted.temporal_attention(ROWS, by="x")
    data = fitted._read(ROWS, reset=False)
    with pytest.raises(ValueError, match="by='word' needs a modality of strings"):
        fitted.temporal_attention(data, by="word")


def test_words_of_tokenizers_that_do_not_split_at_blanks():
    from tokenizers import Tokenizer, models, normalizers

    vocabulary = {"<unk>": 0, "▁good": 1, "▁fil": 2, "m": 3}
    merges = [("▁", "g"), ("o", "o"), ("oo", "d"), ("▁g", "ood"), ("f", "i"), ("fi", "l")]
    merges += [("▁", "fil")]
    parts = {part for pair in merges for part in (*pair, "".join(pair))} - vocabulary.keys()
    vocabulary |= {part: 4 + number for number, part in enumerate(sorted(parts))}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    read = TextEncoding(tokenizer.to_str()).read("text", ["good film"])
    table = read.by_word(np.ones((1, 9)))
    assert table["word"].tolist() == ["good", "film"]
    assert table["weight"].sum() == len(read.encodings[0].ids)


def test_texts_are_read_once(fitted, bert, monkeypatch):
    read = []
    inner = TextEncoding.read
    monkeypatch.setattr(
        TextEncoding, "read", lambda self, *args: read.append(1) or inner(self, *args)
    )
    for use in (
        lambda: fitted.predict(FRAME),
        lambda: fitted.predict_unimodal(FRAME),
        lambda: fitted.temporal_attention(FRAME, by="word"),
        lambda: missing_modality_report(fitted, FRAME, Y),
        lambda: TextEmbedder(bert, device="cpu").fit_transform(FRAME),
    ):
        read.clear()
        use()
        assert len(read) == 1
    model = classifier(encoders={"text": {"transformer": bert}}, max_epochs=1)
    model.fit(FRAME, Y > 0)
    read.clear()
    model.predict_unimodal(FRAME)
    assert len(read) == 1


def test_truncation_is_told_of_once(bert):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        TextEmbedder(bert, max_length=3, device="cpu").fit_transform(TEXTS)
    assert sum("truncated" in str(warning.message) for warning in caught) == 1


@pytest.mark.parametrize("X", [FRAME, {"text": TEXTS, "audio": AUDIO}])
def test_the_report_takes_strings(fitted, X):
    report = missing_modality_report(fitted, X, Y)
    assert report.index.tolist() == ["text + audio", "text", "audio"]
    assert report["score"].iloc[0] == pytest.approx(fitted.score(FRAME, Y))
    silent = {"text": [None] * 16, "audio": AUDIO}
    assert report.loc["audio", "score"] == pytest.approx(fitted.score(silent, Y))


def test_the_report_of_strings_alone(bert):
    model = regressor(encoders={"text": {"transformer": bert}}, max_epochs=1).fit(TEXTS, Y)
    for X in (TEXTS, np.array(TEXTS), pd.Series(TEXTS)):
        assert missing_modality_report(model, X, Y)["rows"].tolist() == [16]


def test_the_display_takes_strings(fitted):
    plt = pytest.importorskip("matplotlib.pyplot")
    tokens = TemporalAttentionDisplay.from_estimator(fitted, ROWS, row=0)
    assert [label.get_text() for label in tokens.axes_[0].get_xticklabels()] == [
        *("[CLS]", "good", "film", "##s", "!", "[SEP]")
    ]
    words = TemporalAttentionDisplay.from_estimator(
        fitted, FRAME.assign(**ROWS_OF_FRAME), by="word"
    )
    table = fitted.temporal_attention(ROWS, by="word")["text"]
    heights = [bar.get_height() for bar in words.bars_["text"]]
    np.testing.assert_allclose(heights, table["weight"][:5], rtol=1e-5)
    assert len(words.bars_["audio"]) == 4
    missing = TemporalAttentionDisplay.from_estimator(fitted, ROWS, row=1, by="word")
    assert len(missing.bars_["text"]) == 0
    plt.close("all")


ROWS_OF_FRAME = {"text": ["GOOD films!", *TEXTS[1:]]}


def test_labels_must_fit():
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match='labels of "text" must be one per valid step, 2; got 1'):
        TemporalAttentionDisplay({"text": [0.5, 0.5]}, {"text": 2}, labels={"text": ["a"]})


def test_texts_are_cut_on_the_side_that_the_tokenizer_says(tmp_path, bert):
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps(settings | {"truncation_side": "left"})
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.truncation_side == "left"
    text = "good bad film plot"
    encoding = TextEncoding.load("tokenizer", tmp_path, max_length=4)
    with pytest.warns(UserWarning, match="1 of 1 texts"):
        ids = encoding.encode("text", [text])[0]
    expected = tokenizer(text, truncation=True, max_length=4)["input_ids"]
    assert ids.tolist() == expected


def test_a_limit_below_the_special_tokens_is_refused(bert):
    with pytest.raises(ValueError, match=r"bert.*max_length must be at least 3.*got 2"):
        TextEmbedder(bert, max_length=2).fit(TEXTS)
    encoders = {"text": {"transformer": bert, "max_length": 1}}
    with pytest.raises(ValueError, match=r"encoders\['text'\].*max_length must be at least 3"):
        regressor(encoders=encoders).fit(FRAME, Y)


@pytest.fixture
def forged(fitted, bert, tmp_path):
    """Save with a changed configuration, and return the file."""

    def forge(estimator, attribute, change):
        value = getattr(estimator, attribute)
        before = dict(value)
        try:
            value.clear()
            value.update(change(before))
            sklearn_tamulag.save(estimator, tmp_path / "forged.safetensors")
        finally:
            value.clear()
            value.update(before)
        return tmp_path / "forged.safetensors"

    return forge


def test_what_cannot_be_loaded_is_not_saved(bert, tmp_path, forged):
    embedder = TextEmbedder(bert, device="cpu").fit(TEXTS)
    with pytest.raises(TypeError, match="is of the kind 'llava', which save cannot store"):
        forged(embedder, "transformer_", lambda config: config | {"model_type": "llava"})
    assert not (tmp_path / "forged.safetensors").exists()


def test_a_forged_size_is_refused_before_anything_is_built(bert, forged):
    embedder = TextEmbedder(bert, device="cpu").fit(TEXTS)
    path = forged(embedder, "transformer_", lambda config: config | {"hidden_act": "a/b"})
    with pytest.raises(ValueError, match="names 'a/b', which is not looked up"):
        sklearn_tamulag.load(path)
    path = forged(
        embedder,
        "tokenizer_",
        lambda state: state | {"max_length": 2},
    )
    with pytest.raises(ValueError, match="max_length must be at least 3"):
        sklearn_tamulag.load(path)
