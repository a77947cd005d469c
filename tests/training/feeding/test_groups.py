"""Groups: one string or number for every row, or an error that names them and the row."""

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag.model_selection import evaluate_seeds
from sklearn_tamulag.training.feeding.groups import read_groups
from tests.small_fits import classifier, clips, regressor

FILMS = np.repeat(["a", "b", "c", "d"], 2)


@pytest.mark.parametrize(
    "groups",
    [
        FILMS,
        FILMS.tolist(),
        FILMS.astype(object),
        FILMS[:, None],
        pd.Series(FILMS),
        pd.Series(FILMS, dtype="string"),
        pd.Categorical(FILMS),
        pd.Index(FILMS),
    ],
)
def test_forms_of_groups(groups):
    values = read_groups("groups", groups, 8)
    assert values.shape == (8,)
    assert values.tolist() == FILMS.tolist()


@pytest.mark.parametrize(
    "groups", [range(8), np.arange(8.0), [1, 2.5, True, np.int8(3)] * 2, pd.array(range(8))]
)
def test_numbers_of_all_types_are_of_one_kind(groups):
    assert read_groups("groups", groups, 8).tolist() == list(groups)


REFUSED = [
    ([None, *FILMS[1:]], "groups must name the group of every row, but row 0 has none: got None"),
    (pd.Series([*FILMS[:7], None], dtype="string"), "row 7 has none: got <NA>"),
    (np.array([1, 2, np.nan, 4.0] * 2), "row 2 has none: got .*nan"),
    (pd.to_datetime(["2024-01-01", None] * 4), "row 1 has none: got .*NaT"),
    (np.array([1, 2, 3, "a"] * 2, dtype=object), "of one kind, but row 0 has 1, a number, and row"),
    ([1, "a"] * 4, "row 1 has 'a', a string. Turn them all into strings"),
    (list(zip(FILMS, "abababab", strict=True)), r"row 0 has \(.*'a'.*\) of type tuple\. .* join"),
    (pd.Series([["a", "b"]] * 8), r"row 0 has \['a', 'b'\] of type list"),
    (pd.MultiIndex.from_product([FILMS[::2], [1, 2]]), "of type tuple.* join their parts"),
    (np.array([FILMS, FILMS]).T, r"shape \(8, 2\).* join their parts"),
    (pd.DataFrame({"film": FILMS, "speaker": FILMS}), r"groups .*DataFrame of shape \(8, 2\)"),
    (FILMS[:5], "groups must have one value per row of X: X has 8 rows, groups has 5"),
    ("abcdefgh", r"groups must have shape \(n,\), one value per row, got str 'abcdefgh'"),
    (set(range(8)), r"groups must have shape \(n,\), one value per row, got set"),
    (3, r"groups must have shape \(n,\), one value per row, got int 3"),
]


@pytest.mark.parametrize(("groups", "message"), REFUSED)
def test_refused_groups(groups, message):
    with pytest.raises(ValueError, match=message):
        read_groups("groups", groups, 8)


@pytest.mark.parametrize(("groups", "message"), REFUSED)
def test_fits_and_evaluations_refuse_them_alike(groups, message):
    X, y = clips(8)
    for build, labels in ((regressor, y), (classifier, y > 0)):
        with pytest.raises(ValueError, match=message):
            build(max_epochs=1).fit(X, labels, groups=groups)
    with pytest.raises(ValueError, match=message):
        evaluate_seeds(regressor(max_epochs=1), X, y, groups=groups)
