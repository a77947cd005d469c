"""Confidence intervals of means over a few repetitions."""

import numpy as np
import pandas as pd

CONFIDENCE = 0.95


def interval_table(values: pd.DataFrame) -> pd.DataFrame:
    r"""Mean, deviation and 95 % interval of every column.

    The interval of n values is :math:`\bar x \pm t_{n-1}(0.975)\, s / \sqrt n`, with Student's t.

    Parameters
    ----------
    values : DataFrame of shape (n, k)
        A row per seed, or per repetition of another kind.

    Returns
    -------
    DataFrame of shape (k, 4)
        A row per column, with "mean", "std" (n - 1 in its divisor), "low" and "high". With one row
        the last three are NaN; where a value is NaN, all are.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tamulag.model_selection.intervals import interval_table
    >>> interval_table(pd.DataFrame({"mae": [0.6, 0.7, 0.8]})).round(3)
         mean  std    low   high
    mae   0.7  0.1  0.452  0.948
    """
    from scipy.stats import t

    n = len(values)
    mean, deviation = values.mean(skipna=False), values.std(skipna=False)
    half = t.ppf((1 + CONFIDENCE) / 2, n - 1) * deviation / np.sqrt(n) if n > 1 else np.nan
    return pd.DataFrame({"mean": mean, "std": deviation, "low": mean - half, "high": mean + half})
