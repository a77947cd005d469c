"""A tiny random BERT and its tokenizer, made here, so that no test asks a network for anything."""

import numpy as np

WORDS = (
    *("good", "great", "fine", "bad", "awful", "poor", "film", "plot", "the", "a", "is", "was"),
    *("not", "very", "and", "but", "it", "i", "like", "##s", "##ed", "!", "."),
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = (*SPECIAL, *WORDS)
CONFIG = {
    "model_type": "bert",
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 24,
    "pad_token_id": 0,
}


def tiny_bert(folder, *, seed=0, vocabulary=VOCABULARY, **changes):
    """Write a model and its tokenizer into a folder; return its name."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = {name: value for name, value in CONFIG.items() if name != "model_type"}
        BertModel(BertConfig(**(sizes | changes))).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


def tiny_texts(n_rows=24, *, seed=0):
    """Sentences whose words say y, and y with both signs."""
    random = np.random.default_rng(seed)
    good, bad = ("good", "great", "fine"), ("bad", "awful", "poor")
    texts, y = [], []
    for _ in range(n_rows):
        positive = int(random.integers(0, 4))
        chosen = [*random.choice(good, positive), *random.choice(bad, 3 - positive)]
        filling = random.choice(("the", "film", "is", "and", "very", "plot"), random.integers(1, 6))
        words = random.permutation([*chosen, *filling])
        texts.append(" ".join(words).upper())
        y.append(positive - 1.5)
    return texts, np.array(y)
