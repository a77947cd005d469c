"""What is put before every text: it is counted, saved, and no word of the text."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import sklearn_tamulag
from sklearn_tamulag.inspection import missing_modality_report
from sklearn_tamulag.persistence.former_dumps import take_defaults
from sklearn_tamulag.preprocessing import TextEmbedder, TextTokenizer
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.saved import check_saved_text
from tests.small_fits import regressor
from tests.tiny_bert import tiny_texts

pytest.importorskip("transformers")

TEXTS, Y = tiny_texts(16)
ROWS = ["GOOD films!", "", "the film"]
PREFIX = "I like: "


def test_it_stands_before_every_text_but_a_missing_one(bert):
    plain, prefixed = TextTokenizer(bert), TextTokenizer(bert, prefix=PREFIX, lowercase=True)
    written = plain.fit_transform([f"{PREFIX}{text}" if text else "" for text in ROWS])
    assert prefixed.fit_transform(ROWS) == written
    assert prefixed.tokenizer_["prefix"] == PREFIX
    assert TextTokenizer(bert).fit_transform(ROWS) == TextTokenizer(bert, prefix="").fit_transform(
        ROWS
    )


def test_it_is_counted(bert):
    with pytest.warns(UserWarning, match="1 of 3 texts have more than 7 tokens"):
        X = TextTokenizer(bert, prefix=PREFIX, max_length=7).fit_transform(ROWS)
    assert X.lengths["text"].tolist() == [7, 0, 7]
    with pytest.raises(ValueError, match=r"with prefix='I like: '.* it is 5"):
        TextEmbedder(bert, prefix=PREFIX, max_length=5, device="cpu").fit(ROWS)


def test_it_is_saved_and_cloned(bert, tmp_path):
    tokenizer = TextTokenizer(bert, prefix=PREFIX).fit(ROWS)
    assert clone(tokenizer).prefix == PREFIX
    sklearn_tamulag.save(tokenizer, tmp_path / "tokenizer.safetensors")
    joblib.dump(tokenizer, tmp_path / "tokenizer.joblib")
    for loaded in (
        sklearn_tamulag.load(tmp_path / "tokenizer.safetensors"),
        joblib.load(tmp_path / "tokenizer.joblib"),
    ):
        assert loaded.prefix == PREFIX
        assert loaded.transform(ROWS) == tokenizer.transform(ROWS)


def test_earlier_versions_knew_none(bert):
    tokenizer = TextTokenizer(bert).fit(ROWS)
    state = {name: value for name, value in tokenizer.tokenizer_.items() if name != "prefix"}
    check_saved_text({}, {"text": state})
    assert TextEncoding(**state).prefix == ""
    former = TextTokenizer(bert)
    del former.prefix
    take_defaults(former)
    assert former.prefix == ""
    for wrong in (None, 3, "x" * 2000):
        with pytest.raises(ValueError, match="the tokenizer of 'text' is described by"):
            check_saved_text({}, {"text": state | {"prefix": wrong}})


@pytest.fixture(scope="module")
def fitted(bert):
    encoders = {"text": {"transformer": bert, "prefix": PREFIX}}
    return regressor(encoders=encoders, max_epochs=1).fit(TEXTS, Y)


def test_its_tokens_are_of_no_word(fitted):
    rows = ["GOOD films!", "the film"]
    weights = fitted.temporal_attention(rows)["text"]
    tokens = fitted.temporal_attention(rows, by="token")["text"]
    first = tokens[tokens["row"] == 0]
    assert first["token"].tolist()[:5] == ["[CLS]", "i", "like", "[UNK]", "good"]
    assert first["special"].tolist() == [True] * 4 + [False] * 4 + [True]
    np.testing.assert_array_equal(first["weight"], weights[0, : len(first)])
    spans = first.loc[~first["special"], ["start", "stop"]].to_numpy()
    assert ["GOOD films!"[start:stop] for start, stop in spans] == ["GOOD", "film", "s", "!"]
    assert (first.loc[first["special"], ["start", "stop"]] == 0).all(axis=None)
    words = fitted.temporal_attention(rows, by="word")["text"]
    assert words.loc[~words["special"], "word"].tolist() == ["GOOD", "films", "!", "the", "film"]
    np.testing.assert_allclose(words.groupby("row")["weight"].sum(), 1, atol=1e-5)
    np.testing.assert_allclose(words.groupby("row")["weight"].sum(), weights.sum(axis=1), atol=1e-6)


def test_a_token_that_goes_on_in_the_text_is_of_the_text():
    from tokenizers import Tokenizer, models, normalizers

    vocabulary = {"<unk>": 0, "q": 1, ":": 2, "▁": 3, "g": 4, "o": 5, "d": 6, ":▁g": 7, "▁g": 8}
    vocabulary |= {"oo": 9}
    merges = [("▁", "g"), (":", "▁g"), ("o", "o")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    read = TextEncoding(tokenizer.to_str(), prefix="q: ").read("text", ["good"])
    assert read.encodings[0].tokens == ["q", ":▁g", "oo", "d"]
    table = read.by_word(np.ones((1, 4)))
    assert table["word"].tolist() == ["q", "good"]
    assert table[["start", "stop"]].to_numpy().tolist() == [[0, 0], [0, 4]]
    assert read.row(0).by_token(np.ones((1, 4)))["special"].tolist() == [True, False, False, False]


def test_it_reaches_whatever_reads_texts(bert, fitted, tmp_path):
    plain = regressor(encoders={"text": {"transformer": bert}}, max_epochs=1)
    written = [PREFIX + text for text in TEXTS]
    np.testing.assert_array_equal(plain.fit(written, Y).predict(written), fitted.predict(TEXTS))
    report = missing_modality_report(fitted, pd.DataFrame({"text": TEXTS}), Y)
    expected = missing_modality_report(plain, pd.DataFrame({"text": written}), Y)
    pd.testing.assert_frame_equal(report, expected)
    fitted.save(tmp_path / "fit.safetensors")
    loaded = sklearn_tamulag.load(tmp_path / "fit.safetensors")
    np.testing.assert_array_equal(loaded.predict(TEXTS), fitted.predict(TEXTS))
    encoders = {"text": {"transformer": bert, "prefix": "a "}}
    with pytest.raises(ValueError, match="cannot take encoders"):
        clone(plain).set_params(warm_start=True).fit(TEXTS, Y).set_params(encoders=encoders).fit(
            TEXTS, Y
        )


def test_kept_states_are_those_of_the_prefix(bert, tmp_path):
    def embedded(prefix):
        embedder = TextEmbedder(bert, prefix=prefix, cache=tmp_path, device="cpu")
        return embedder.fit_transform(TEXTS).arrays["text"].shape[1]

    lengths = [embedded(prefix) for prefix in ("", "the ", "the film ")]
    assert len(set(lengths)) == 3
    assert len(list(tmp_path.iterdir())) == 3
    assert embedded("the ") == lengths[1]
    assert len(list(tmp_path.iterdir())) == 3
