"""TextTokenizer: strings in every form, beside other modalities, in pipelines."""

import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_tamulag import MultimodalData, MultimodalPadder
from sklearn_tamulag.preprocessing import TextTokenizer
from tests.tiny_bert import VOCABULARY, tiny_bert

pytest.importorskip("transformers")

TEXTS = ["A GOOD film", "", "bad", "the plot is poor"]


def ids_of(words):
    return [VOCABULARY.index(word) for word in words.split()]


@pytest.mark.parametrize("form", [list, np.array, pd.Series, tuple])
def test_strings_alone(bert, form):
    X = TextTokenizer(bert).fit_transform(form(TEXTS))
    assert X.modalities == ("text",)
    assert X.lengths["text"].tolist() == [5, 0, 3, 6]
    assert X.arrays["text"].shape == (4, 6)
    assert X.arrays["text"][0].tolist() == [*ids_of("[CLS] a good film [SEP]"), 0]
    assert X.arrays["text"][1].tolist() == [0] * 6


def test_other_modalities_pass_as_the_padder_makes_them(bert):
    audio = [np.ones((2, 3), dtype=np.float32), None, np.ones((4, 3), dtype=np.float32), None]
    frame = pd.DataFrame(
        {"audio": audio, "words": TEXTS, "video": list("aabb")}, index=list("wxyz")
    )
    tokenizer = TextTokenizer(bert, modality="words", groups="video").fit(frame)
    X = tokenizer.transform(frame)
    padded = MultimodalPadder().fit_transform({"audio": audio})
    assert X.select("audio").arrays["audio"].tolist() == padded.arrays["audio"].tolist()
    assert X.lengths["audio"].tolist() == padded.lengths["audio"].tolist()
    assert X.ids.tolist() == list("wxyz")
    assert X.groups.tolist() == list("aabb")
    assert tokenizer.modalities_ == X.modalities == ("audio", "words")
    assert tokenizer.feature_sizes_ == {"audio": 3, "words": None}
    later = tokenizer.transform({"words": ["good"], "audio": [None]})
    assert later.arrays["words"].tolist() == [ids_of("[CLS] good [SEP]")]


def test_all_texts_may_be_missing_after_fit(bert):
    tokenizer = TextTokenizer(bert).fit(TEXTS)
    assert tokenizer.transform([None, "", "good"])[:2].lengths["text"].tolist() == [0, 0]
    empty = tokenizer.transform({"text": [None, None]})
    assert empty.lengths["text"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="'text' is missing in every row"):
        TextTokenizer(bert).fit({"text": ["", None]})


def test_long_texts_are_cut_with_a_warning(bert):
    with pytest.warns(UserWarning, match="2 of 4 texts have more than 4 tokens"):
        X = TextTokenizer(bert, max_length=4).fit_transform(TEXTS)
    assert X.arrays["text"].shape == (4, 4)
    # Without a limit of the user's, the tokenizer's own counts.
    assert TextTokenizer(bert).fit(TEXTS).tokenizer_["max_length"] is None


def test_it_is_cheap_to_clone_and_moves_without_its_folder(tmp_path):
    folder = tmp_path / "model"
    tokenizer = TextTokenizer(tiny_bert(folder), lowercase=True).fit(TEXTS)
    assert clone(tokenizer).get_params() == tokenizer.get_params()
    joblib.dump(tokenizer, tmp_path / "tokenizer.joblib")
    shutil.rmtree(folder)
    loaded = joblib.load(tmp_path / "tokenizer.joblib")
    assert loaded.transform(TEXTS) == tokenizer.transform(TEXTS)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["good", 7], TypeError, "'text', row 1, must be a string.* got 7 of type int"),
        ({"text": [b"good"]}, TypeError, "'text', row 0, must be a string.* of type bytes"),
        ({"audio": np.ones((2, 3, 4))}, ValueError, "X has no strings for the modality 'text'"),
        (MultimodalData({"text": np.array([[5]])}), ValueError, "X has no strings"),
        (np.zeros((3, 2)), ValueError, "X has no strings for the modality 'text'"),
        ({"text": [[5, 6], [7]]}, ValueError, "X has no strings for the modality 'text'"),
    ],
)
def test_what_is_no_text_is_refused(bert, X, error, message):
    with pytest.raises(error, match=message):
        TextTokenizer(bert).fit(X)


def test_parameters_are_checked_in_fit(bert, tmp_path):
    with pytest.raises(ValueError, match="The 'max_length' parameter"):
        TextTokenizer(bert, max_length=0).fit(TEXTS)
    with pytest.raises(ValueError, match=r"tokenizer = .*nowhere' was not found"):
        TextTokenizer(tmp_path / "nowhere").fit(TEXTS)
    with pytest.raises(NotFittedError):
        TextTokenizer(bert).transform(TEXTS)
