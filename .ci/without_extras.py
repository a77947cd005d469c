"""Import the installed package without any extra, and fit a small model with it."""

import importlib.util
import warnings

import numpy as np

warnings.simplefilter("error")

for optional in ("matplotlib", "transformers", "pytest"):
    if importlib.util.find_spec(optional) is not None:
        raise SystemExit(f"{optional} is installed, so this is no installation without extras")

import sklearn_tamulag  # noqa: E402

if "site-packages" not in sklearn_tamulag.__file__:
    raise SystemExit(f"imported {sklearn_tamulag.__file__}, not the installed package")

rng = np.random.default_rng(0)
X = {
    "text": rng.normal(size=(40, 6, 5)).astype(np.float32),
    "audio": [rng.normal(size=(length, 3)) for length in rng.integers(1, 9, size=40)],
}
y = rng.normal(size=40)
regressor = sklearn_tamulag.TAMULAGRegressor(max_epochs=2, random_state=0).fit(X, y)
if regressor.predict(X).shape != (40,):
    raise SystemExit("the regressor's predictions have the wrong shape")
classifier = sklearn_tamulag.TAMULAGClassifier(max_epochs=2, random_state=0).fit(X, y > 0)
if classifier.predict_proba(X).shape != (40, 2):
    raise SystemExit("the classifier's probabilities have the wrong shape")
print(f"sklearn_tamulag {sklearn_tamulag.__version__} imports, fits and predicts without extras")
