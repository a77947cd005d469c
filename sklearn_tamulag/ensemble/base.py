"""What the two ensembles share: members from seeds, trained side by side, and their means."""

from __future__ import annotations

import copy
from abc import ABCMeta
from collections.abc import Callable, Mapping
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklearn_tamulag.data.sklearn_private import Interval
from sklearn_tamulag.ensemble.members import (
    last_step,
    member_input,
    seeded_clone,
    trained,
    unrouted,
)
from sklearn_tamulag.estimators.saving import load, save
from sklearn_tamulag.persistence.limits import shortened


def can_train_on(ensemble: BaseSeedEnsemble) -> bool:
    """Whether the members of an ensemble have `partial_fit`, which a Pipeline has not.

    Parameters
    ----------
    ensemble : BaseSeedEnsemble
        The ensemble.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AttributeError
        If they have not.
    """
    if isinstance(ensemble.estimator, Pipeline):
        raise AttributeError("a Pipeline has no partial_fit, so an ensemble of pipelines has none.")
    return True


class BaseSeedEnsemble(MetaEstimatorMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of the seed ensembles.

    Parameters
    ----------
    estimator : estimator instance or None, default=None
        What the members are clones of.
    n_estimators : int, default=5
        The number of members.
    random_state : int, RandomState instance or None, default=None
        Where the seeds of the members come from.
    n_jobs : int or None, default=None
        How many members are trained at a time.
    verbose : int, default=0
        How much joblib says of them.
    """

    _kind: ClassVar[type]
    # `evaluate_seeds` hands validation rows to what passes them on to its estimator.
    _passes_rows_on: ClassVar[bool] = True
    estimators_: list[Any]

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": "no_validation",  # refused by name, as a TypeError
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }
    # Members ask for metadata, and the ensemble passes it on.
    __metadata_request__fit: ClassVar[dict[str, Any]] = {"sample_weight": UNUSED}
    __metadata_request__partial_fit: ClassVar[dict[str, Any]] = {"sample_weight": UNUSED}

    def __init__(
        self,
        estimator: Any = None,
        n_estimators: int = 5,
        *,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @classmethod
    def _check_kind(cls, estimator: Any) -> None:
        """Refuse what cannot be a member."""
        last, _ = last_step(estimator)
        if not isinstance(last, cls._kind):
            raise TypeError(
                f"estimator of a {cls.__name__} must be a {cls._kind.__name__} or a Pipeline that "
                f"ends in one, got {shortened(repr(estimator))}."
            )

    def _template(self) -> Any:
        """What members are clones of."""
        if self.estimator is None:
            return self._kind()
        self._check_kind(self.estimator)
        return self.estimator

    def _fit_members(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, fit_params: dict[str, Any]
    ) -> Self:
        """Train new members; until all are, there are none."""
        self._validate_params()
        template = self._template()
        given = self._given("fit", template, {"sample_weight": sample_weight, **fit_params})
        random = check_random_state(self.random_state)
        members = [seeded_clone(template, random) for _ in range(self.n_estimators)]
        self.__dict__.pop("estimators_", None)
        self.estimators_ = self._trained(members, "fit", X, y, given)
        return self

    def _train_members_on(
        self, X: Any, y: ArrayLike, fit_params: dict[str, Any], **others: Any
    ) -> Self:
        """Train copies of the members on; until all are, the members stay as they were."""
        self._validate_params()
        template = self._template()
        given = self._given("partial_fit", template, fit_params)
        # The classes say what y is: they are no metadata of single rows.
        given |= {name: value for name, value in others.items() if value is not None}
        if hasattr(self, "estimators_"):
            members = [copy.deepcopy(member) for member in self.estimators_]
        else:
            random = check_random_state(self.random_state)
            members = [seeded_clone(template, random) for _ in range(self.n_estimators)]
        self.estimators_ = self._trained(members, "partial_fit", X, y, given)
        return self

    def _given(self, method: str, template: Any, fit_params: dict[str, Any]) -> dict[str, Any]:
        """What each member is given beside X and y."""
        if not sklearn.get_config()["enable_metadata_routing"]:
            return unrouted(template, fit_params)
        given = {name: value for name, value in fit_params.items() if value is not None}
        return dict(getattr(process_routing(self, method, **given).estimator, method))

    def _trained(
        self, members: list[Any], method: str, X: Any, y: Any, given: dict[str, Any]
    ) -> list[Any]:
        """Train members, several at a time where `n_jobs` says so."""
        jobs = (delayed(trained)(member, method, X, y, given) for member in members)
        return list(Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(jobs))

    def get_metadata_routing(self) -> MetadataRouter:
        """Describe which metadata reach the members.

        Returns
        -------
        routing : MetadataRouter
            What the estimator requests for `fit` and `partial_fit`.
        """
        methods = MethodMapping().add(caller="fit", callee="fit")
        methods = methods.add(caller="partial_fit", callee="partial_fit")
        template = self._kind() if self.estimator is None else self.estimator
        return MetadataRouter(owner=self).add(estimator=template, method_mapping=methods)

    def _first(self, name: str) -> Any:
        """An attribute of the first member, in which all agree; none before fit."""
        if "estimators_" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__} has members, and {name}, once it is fitted."
            )
        return getattr(self.estimators_[0], name)

    @property
    def n_features_in_(self) -> int:
        """The columns of what was fitted, as the members count them."""
        return int(self._first("n_features_in_"))

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """The names of these columns, where they have any."""
        names: NDArray[Any] = self._first("feature_names_in_")
        return names

    @property
    def modalities_(self) -> tuple[str, ...]:
        """The M modalities, in the order of every result."""
        self._first("n_features_in_")
        names: tuple[str, ...] = self._networks[0].modalities_
        return names

    @property
    def history_(self) -> pd.DataFrame:
        """The histories of all members, indexed by member, from 0, and epoch, from 1."""
        self._first("n_features_in_")
        histories = {number: one.history_ for number, one in enumerate(self._networks)}
        return pd.concat(histories, names=["member"])

    @property
    def unimodal_labels_(self) -> pd.DataFrame:
        """The generated labels, a mean over the members that were trained on the row."""
        self._first("n_features_in_")
        frames = [network.unimodal_labels_ for network in self._networks]
        tables = np.stack([frame.to_numpy() for frame in frames])  # N x (n, M[* K])
        known = ~np.isnan(tables)
        counts = known.sum(axis=0)
        sums = np.where(known, tables, 0.0).sum(axis=0)
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        return pd.DataFrame(means, index=frames[0].index, columns=frames[0].columns)

    @property
    def _networks(self) -> list[Any]:
        """The networks of all members."""
        return [last_step(member)[0] for member in self.estimators_]

    def _of_members(self, X: Any, ask: Callable[[Any, Any], Any]) -> list[Any]:
        """What every member's network says of rows."""
        check_is_fitted(self, "estimators_")
        return [ask(*member_input(member, X)) for member in self.estimators_]

    def temporal_attention(self, X: Any, *, by: str = "step") -> dict[str, Any]:
        """Return the weight of every step of every sequence, a mean over the members.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.
        by : {"step", "token", "word"}, default="step"
            What has a weight, as in `temporal_attention` of a member.

        Returns
        -------
        weights : dict of str to ndarray of shape (n, T), or dict of str to DataFrame
            By modality. Means of weights that sum to one do so too.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        found = self._of_members(X, lambda network, rows: network.temporal_attention(rows, by=by))
        if by == "step":
            return {name: np.mean([one[name] for one in found], axis=0) for name in found[0]}
        return {
            name: table.assign(weight=np.mean([one[name]["weight"] for one in found], axis=0))
            for name, table in found[0].items()
        }

    def save(self, path: str | PathLike[str]) -> None:
        """Write the ensemble with all its members to one file, without pickle.

        Parameters
        ----------
        path : str or path
            Where to. A file that is there is replaced once the new one is complete.

        Raises
        ------
        OSError
            If the file cannot be written. A file that was there is unchanged.
        TypeError
            If a step of a member is of a class that :func:`sklearn_tamulag.save` does not take.
        """
        save(self, path)

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        device: Any = None,
        custom: Mapping[str, type] | None = None,
    ) -> Self:
        """Restore an ensemble that `save` has written.

        Parameters
        ----------
        path : str or path
            The file.
        device : str or torch.device, default=None
            Where the networks shall be; None keeps that of the saved members.
        custom : dict of str to type, default=None
            Classes of one's own that the members have, by name, see :func:`sklearn_tamulag.load`.

        Returns
        -------
        ensemble
            An ensemble of this class.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file is damaged, of another origin, of a newer format, holds anything else, needs
            a class that is not given, or asks for a device that is not at hand.
        TypeError
            If `custom` is no dict of classes derived from ``torch.nn.Module``.
        """
        made = load(path, device=device, custom=custom)
        if type(made) is not cls:
            raise ValueError(
                f"{path} cannot be loaded: it holds a {type(made).__name__}, not a {cls.__name__}."
            )
        ensemble: Self = made
        return ensemble


def spread(values: list[Any]) -> NDArray[np.float64]:
    """Standard deviation over the members, which is 0 for a single one.

    Parameters
    ----------
    values : list of N arrays of one shape
        What each member says.

    Returns
    -------
    float64 array of that shape
        The root of the mean square distance from their mean.

    Examples
    --------
    >>> spread([[1.0, 2.0], [3.0, 2.0]])
    array([1., 0.])
    """
    return np.asarray(np.std(np.stack(values), axis=0), dtype=np.float64)
