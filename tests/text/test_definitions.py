"""Tokenizers of strangers: what is out of proportion is refused, and failures are understood."""

import json

import pytest

from sklearn_tamulag.text.definitions import (
    check_definition,
    is_failure,
    try_tokenizer,
)
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.patterns import check_pattern

pytest.importorskip("transformers")


def definition(**parts):
    """The JSON of a tokenizer of two words, with parts replaced."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "good": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return json.dumps(json.loads(tokenizer.to_str()) | parts)


def split(pattern):
    return {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def template(n_tokens):
    token = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    special = {"id": "[CLS]", "ids": [1] * n_tokens, "tokens": ["good"] * n_tokens}
    return {
        "type": "TemplateProcessing",
        "single": [token, text],
        "pair": [text],
        "special_tokens": {"[CLS]": special},
    }


HOSTILE = {
    "no JSON": ("{", "no JSON"),
    "nested": ("[" * 100_000, "no JSON"),
    "no tokenizer": ("[]", "no JSON of the package"),
    "group of repetitions": (split({"Regex": "(a+)+$"}), "repeats a group"),
    "many repetitions": (split({"Regex": "a*a*a*a*a*b"}), "too many repetitions"),
    "doubling": (
        {"type": "Sequence", "normalizers": [replace("a", "aa")] * 30},
        "out of proportion longer",
    ),
    "nothing replaced": (replace("", "x"), "replaces nothing"),
    "long content": (replace("a", "b" * 10_000), "a content of 10000 characters"),
    "charsmap": ({"type": "Precompiled", "precompiled_charsmap": "!"}, "no base64"),
    "short charsmap": (
        {"type": "Precompiled", "precompiled_charsmap": "AAAA"},
        "cannot be made|fails",
    ),
    "special tokens": (template(100_000), "parts"),
    "some special tokens": (template(1500), "adds 1500 special tokens"),
    "repeated text": (
        template(1) | {"single": [{"Sequence": {"id": "A", "type_id": 0}}] * 9},
        "repeats the text",
    ),
    "panic": ({"type": "FixedLength", "length": 0}, "fails on a text|cannot be made"),
}
PLACES = {
    **dict.fromkeys(("doubling", "nothing replaced", "long content"), "normalizer"),
    **dict.fromkeys(("charsmap", "short charsmap"), "normalizer"),
    **dict.fromkeys(("special tokens", "some special tokens", "repeated text"), "post_processor"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tokenizers_are_refused(name):
    part, message = HOSTILE[name]
    if not isinstance(part, str):
        part = definition(**{PLACES.get(name, "pre_tokenizer"): part})
    with pytest.raises(ValueError, match=message):
        try_tokenizer(part, None)


def test_models_out_of_proportion_are_refused():
    whole = json.loads(definition())
    words = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"}
    whole["model"] = words | {"max_input_chars_per_word": 10**9, "vocab": {"[UNK]": 0}}
    with pytest.raises(ValueError, match="takes words of 1000000000 characters"):
        check_definition(json.dumps(whole))
    whole["model"] = {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.5}
    with pytest.raises(ValueError, match="draws its tokens at random"):
        check_definition(json.dumps(whole))


def test_honest_tokenizers_pass(bert):
    try_tokenizer(definition(), 5)
    try_tokenizer(TextEncoding.load("tokenizer", bert).definition, 20)
    # A vocabulary that lacks a character is the matter of the text that has it.
    bare = json.loads(definition())
    bare["model"]["vocab"] = {"good": 0}
    try_tokenizer(json.dumps(bare), None)


@pytest.mark.parametrize(
    "pattern",
    [
        r"'s|'t|'re| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'ll)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+",
        r"[^\r\n\p{L}]?[\p{Lu}\p{M}]*[\p{Ll}\p{M}]+(?i:'s|'ll|'d)?|\s+(?!\S)",
        r"\d{1,3}(?=(?:\d{3})*\b)",
        " {2,}",
        " ?[^(\\s|[.,!?])]+",
    ],
)
def test_patterns_of_published_tokenizers_pass(pattern):
    check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a*)*", "(a|aa)+$", "((a|b)+)*", "(x+x+)+y", r"(a)\1", r"(?<x>a)\k<x>", r"\g<1>(a)"),
        *("((a{1,90}){1,90}){1,90}", "a{1,99999}", "[a", "(?~a)", "(?(1)a)", "a" * 5000),
    ],
)
def test_patterns_that_may_explode_are_refused(pattern):
    with pytest.raises(ValueError, match="pattern"):
        check_pattern(pattern)


def test_interruptions_are_no_failures():
    assert not is_failure(KeyboardInterrupt())
    assert not is_failure(MemoryError())
    assert is_failure(ValueError())


def test_a_text_that_no_tokenizer_can_read_is_named(bert):
    encoding = TextEncoding.load("tokenizer", bert)
    with pytest.raises(ValueError, match="Modality 'text', row 1: the tokenizer cannot read"):
        encoding.encode("text", ["good", "bad \ud800"])
