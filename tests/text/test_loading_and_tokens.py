"""Transformers for text: what is found and what is said if not, strings to ids, ids to check."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.text import hub
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.ids import check_token_ids
from sklearn_tamulag.text.loading import (
    load_config,
    load_model,
    load_tokenizer,
    longest_sequence,
    require_transformers,
)
from sklearn_tamulag.text.tokens import holds_texts, texts_in, with_token_ids
from tests.tiny_bert import CONFIG, VOCABULARY, tiny_bert

transformers = pytest.importorskip("transformers")

ARGUMENT = "encoders['text']['transformer']"


def ids_of(words):
    return [VOCABULARY.index(word) for word in words.split()]


@pytest.fixture
def encoding(bert):
    return TextEncoding.load("tokenizer", bert)


def test_a_configuration_is_plain_and_forgets_its_folder(bert):
    config = load_config(ARGUMENT, bert)
    assert config["hidden_size"] == CONFIG["hidden_size"]
    assert bert not in repr(config)
    assert not [name for name in config if name.startswith("_")]
    assert load_config(ARGUMENT, config) == config


def test_pretrained_weights_are_those_of_the_folder(bert):
    config = load_config(ARGUMENT, bert)
    first, second = (load_model(ARGUMENT, config, bert) for _ in range(2))
    random = load_model(ARGUMENT, config, None)
    expected = transformers.BertModel.from_pretrained(bert).get_input_embeddings().weight
    assert (first.get_input_embeddings().weight == expected).all()
    assert (second.get_input_embeddings().weight == expected).all()
    assert not (random.get_input_embeddings().weight == expected).all()
    assert first.pooler is None


def test_weights_that_a_folder_lacks_are_counted(bert, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "half"
    tiny_bert(folder)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = load_config(ARGUMENT, folder)
    with pytest.warns(UserWarning, match=r"lacks 1 weights .*layer\.1\.output\.dense\.weight"):
        load_model(ARGUMENT, config, folder)


def test_loading_is_quiet_and_leaves_the_log_as_it_was(bert, capfd):
    from transformers.utils import logging

    logging.enable_progress_bar()
    before = logging.get_verbosity()
    load_model(ARGUMENT, load_config(ARGUMENT, bert), bert)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (before, True)
    logging.disable_progress_bar()
    assert capfd.readouterr() == ("", "")


def test_a_missing_folder_is_not_looked_for_on_the_hub(tmp_path):
    with pytest.raises(ValueError, match=r"was not found. Tried as a folder \(there is no such"):
        load_config(ARGUMENT, tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"encoders\['text'\]\['transformer'\] = './nowhere'"):
        load_config(ARGUMENT, "./nowhere")


def test_a_missing_name_says_what_was_tried(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    tried = r"as a folder .* a name on the Hugging Face hub.*HF_HUB_OFFLINE is set"
    with pytest.raises(ValueError, match=rf"= 'nobody/none' was not found. Tried {tried}"):
        load_config(ARGUMENT, "nobody/none")
    with pytest.raises(ValueError, match=tried):
        load_tokenizer("tokenizer", "nobody/none")


def test_a_folder_without_a_model_is_told_from_none(tmp_path):
    with pytest.raises(ValueError, match="the folder is there but cannot be used"):
        load_config(ARGUMENT, tmp_path)


@pytest.mark.parametrize("config", [{"hidden_size": 8}, {"model_type": "abacus"}])
def test_a_configuration_needs_a_type(config):
    with pytest.raises(ValueError, match="a configuration with a known 'model_type', got"):
        load_config(ARGUMENT, config)


def test_encoder_decoders_are_refused():
    with pytest.raises(ValueError, match=r"is an encoder-decoder \(bart\)"):
        load_config(ARGUMENT, {"model_type": "bart"})


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-tamulag\[text\]"'):
        require_transformers("A transformer")


def test_the_longest_sequence():
    assert longest_sequence({"model_type": "bert", "max_position_embeddings": 9}) == 9
    assert longest_sequence({"model_type": "gpt2", "n_positions": 7}) == 7
    assert longest_sequence({"model_type": "xlnet"}) is None
    config = transformers.RobertaConfig(
        **{name: value for name, value in CONFIG.items() if name != "model_type"}
        | {"pad_token_id": 1}
    )
    longest = longest_sequence(config.to_dict())
    assert longest == CONFIG["max_position_embeddings"] - 2
    model = transformers.RobertaModel(config)
    assert model(torch.full((1, longest), 5)).last_hidden_state.shape[1] == longest
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, longest + 1), 5))


def test_texts_become_the_ids_of_the_tokenizer(encoding, bert):
    texts = ["GOOD films!", "it was not very likeed"]
    expected = transformers.AutoTokenizer.from_pretrained(bert)(texts)["input_ids"]
    assert [ids.tolist() for ids in encoding.encode("text", texts)] == expected
    assert expected[0] == ids_of("[CLS] good film ##s ! [SEP]")


@pytest.mark.parametrize("blank", [None, np.nan, pd.NA, "", "  \n"])
def test_blank_texts_are_missing(encoding, blank):
    assert encoding.encode("text", [blank, "good"])[0] is None


@pytest.mark.parametrize("cell", [7, b"good", ["good"], 1.5])
def test_a_cell_that_is_no_string_is_named(encoding, cell):
    with pytest.raises(TypeError, match=r"'text', row 1, must be a string.* got .* of type"):
        encoding.encode("text", ["good", cell])


def test_long_texts_are_cut_with_one_warning(bert):
    encoding = TextEncoding.load("tokenizer", bert, max_length=4)
    with pytest.warns(UserWarning, match="2 of 3 texts have more than 4 tokens") as caught:
        ids = encoding.encode("text", ["good film", "a good film", "the plot is bad"])
    assert len(caught) == 1
    assert ids[2].tolist() == ids_of("[CLS] the plot [SEP]")
    assert ids[0].tolist() == ids_of("[CLS] good film [SEP]")


def test_the_limit_is_that_of_the_model(bert):
    config = load_config(ARGUMENT, bert)
    assert TextEncoding.load("tokenizer", bert, config=config).max_length == 24
    with pytest.raises(ValueError, match=r"max_length must be at most 24, .* got 25"):
        TextEncoding.load("tokenizer", bert, config=config, max_length=25)


def test_lower_casing_comes_before_the_tokenizer(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "good": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    cased = TextEncoding(tokenizer.to_str())
    lower = TextEncoding(tokenizer.to_str(), lowercase=True)
    assert [int(encoding.encode("text", ["Good"])[0][0]) for encoding in (cased, lower)] == [0, 1]


def test_an_encoding_is_plain(encoding):
    assert TextEncoding(**encoding.state()) == encoding
    copied = pickle.loads(pickle.dumps(encoding))
    assert copied == encoding
    assert copied.encode("text", ["good film"])[0].tolist() == ids_of("[CLS] good film [SEP]")


@pytest.mark.parametrize("vocab_size", [len(VOCABULARY) - 1, 4000])
def test_a_tokenizer_of_another_vocabulary_is_refused(encoding, vocab_size):
    sizes = f"has {len(VOCABULARY)} tokens, the transformer {vocab_size}"
    with pytest.raises(ValueError, match=f"disagree on their vocabulary: .*{sizes}"):
        encoding.check_vocabulary("tokenizer", {"vocab_size": vocab_size})


def test_a_rounded_up_vocabulary_is_accepted(encoding):
    encoding.check_vocabulary("tokenizer", {"vocab_size": 64})


def test_a_slow_tokenizer_is_refused(bert, monkeypatch):
    monkeypatch.setattr(transformers.BertTokenizerFast, "is_fast", False)
    with pytest.raises(ValueError, match="no fast tokenizer"):
        load_tokenizer("tokenizer", bert)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (["good", None], True),
        ([None, np.nan], True),
        (np.array([np.nan, np.nan]), True),
        (pd.Series(["good"]), True),
        ([7, "good"], True),
        ([[1, 2], [3]], False),
        ([np.ones(3), None], False),
        (np.zeros((3, 4), dtype=int), False),
        (5, False),
    ],
)
def test_what_counts_as_texts(values, texts):
    assert holds_texts(values) is texts


def test_texts_are_replaced_and_the_rest_stays(encoding):
    audio = [np.ones((2, 3)), None]
    X = {"text": ["good", ""], "audio": audio}
    replaced = with_token_ids(X, {"text": encoding})
    assert replaced["audio"] is audio
    assert replaced["text"][0].tolist() == ids_of("[CLS] good [SEP]")
    assert replaced["text"][1] is None
    assert X["text"] == ["good", ""]


def test_frames_keep_their_index(encoding):
    frame = pd.DataFrame({"text": ["good", "bad film"], "audio": [1.0, 2.0]}, index=["x", "y"])
    replaced = with_token_ids(frame, {"text": encoding})
    assert replaced.index.tolist() == ["x", "y"]
    assert replaced["text"]["y"].tolist() == ids_of("[CLS] bad film [SEP]")
    assert frame["text"].tolist() == ["good", "bad film"]


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
def test_strings_alone_are_the_only_text(encoding, kind):
    strings = kind(["good", "bad"])
    assert list(texts_in(strings, ["text"])) == ["text"]
    assert texts_in(strings, ["text", "title"]) == {}
    assert texts_in(strings, []) == {}
    assert len(with_token_ids(strings, {"text": encoding})["text"]) == 2


def test_what_holds_no_text_is_left_alone(encoding):
    data = MultimodalData({"text": np.array([[5, 6]])})
    table = np.zeros((3, 2))
    assert with_token_ids(data, {"text": encoding}) is data
    assert with_token_ids(table, {"text": encoding}) is table


def tokens(ids, lengths=None):
    return MultimodalData({"text": np.array(ids)}, lengths and {"text": lengths})


def test_ids_outside_the_vocabulary_are_named():
    config = {"text": {"vocab_size": 10}}
    data = tokens([[1, 9], [3, 0]], [2, 1])
    assert check_token_ids(data, config) is data
    with pytest.raises(ValueError, match=r"token id 10 at row 1, step 0: .* has 10 tokens"):
        check_token_ids(tokens([[1, 9], [10, 0]], [2, 1]), config)
    with pytest.raises(ValueError, match="token id -1 at row 0, step 1"):
        check_token_ids(tokens([[1, -1]]), config)


def test_ids_that_are_too_many_are_cut_with_one_warning():
    config = {"text": {"vocab_size": 10, "max_position_embeddings": 2}}
    data = tokens([[1, 2, 3], [4, 5, 0], [6, 7, 8]], [3, 2, 3])
    with pytest.warns(UserWarning, match="2 of 3 rows have more than 2 tokens") as caught:
        cut = check_token_ids(data, config)
    assert len(caught) == 1
    assert cut.arrays["text"].tolist() == [[1, 2], [4, 5], [6, 7]]
    assert cut.lengths["text"].tolist() == [2, 2, 2]


def test_ids_need_a_transformer_and_a_transformer_needs_ids():
    with pytest.raises(
        ValueError, match="token ids, which a recurrent encoder cannot read: name a"
    ):
        check_token_ids(tokens([[1]]), {})
    features = MultimodalData({"text": np.ones((1, 2, 3))})
    with pytest.raises(ValueError, match=r"features \(3 per step\), but encoders\['text'\] names"):
        check_token_ids(features, {"text": {"vocab_size": 3}})


def test_only_paths_are_folders_for_certain():
    assert not hub._is_folder_name("bert-base-uncased")
    assert not hub._is_folder_name("google/bert")
    assert hub._is_folder_name("~/bert")
    assert hub._is_folder_name("models/google/bert")
