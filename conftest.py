"""Which files pytest leaves alone: examples that need an extra that is not installed."""

from importlib.util import find_spec

collect_ignore_glob = []
if find_spec("transformers") is None:
    collect_ignore_glob = [
        "sklearn_tamulag/text/*.py",
        "sklearn_tamulag/estimators/layer_rates.py",
        "sklearn_tamulag/nn/transformer.py",
        "sklearn_tamulag/nn/transformer_layers.py",
        "sklearn_tamulag/preprocessing/text.py",
        "sklearn_tamulag/preprocessing/tokenizer.py",
    ]
