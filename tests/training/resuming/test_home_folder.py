"""A leading ~ in the places that an estimator writes to is the user's home."""

import numpy as np
import pytest

from sklearn_tamulag import load, save
from tests.small_fits import clips, regressor


def test_checkpoints_and_saved_estimators_go_to_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    X, y = clips()
    estimator = regressor(checkpoint="~/kept", max_epochs=1).fit(X, y)
    assert any((tmp_path / "home" / "kept").rglob("*"))
    with pytest.warns(UserWarning, match="checkpoint .* places, which are not saved"):
        save(estimator, "~/model")
    np.testing.assert_array_equal(load("~/model").predict(X), estimator.predict(X))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["kept", "model"]
