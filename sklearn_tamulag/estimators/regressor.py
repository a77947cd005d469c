"""The TAM-ULAG regressor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin

from sklearn_tamulag.estimators.base import BaseTAMULAG
from sklearn_tamulag.estimators.parameters import RegressorParameters
from sklearn_tamulag.estimators.regression_outputs import RegressionOutputs
from sklearn_tamulag.training.objective.targets import ScaledTarget, check_numbers, learn_scale


class TAMULAGRegressor(RegressionOutputs, RegressorMixin, RegressorParameters, BaseTAMULAG):
    """Estimate sentiment intensity from several modalities with TAM-ULAG.

    Each modality is encoded by a recurrent network whose states are weighted over time. One task
    predicts y from all modalities together, and one task per modality predicts it from that
    modality alone [1]_. Nobody has to label single modalities: the model moves their labels away
    from y while it trains, by where a row stands between the negative and the positive rows [2]_.
    The loss of every task is the absolute error.

    Parameters
    ----------
    hidden_size : int, default=64
        Size of the states of every encoder, per direction; at least 1.
    num_layers : int, default=1
        Layers of every encoder, at least 1.
    cell : {"lstm", "gru", "transformer", "mlp", "conv"} or class, default="lstm"
        What turns steps into states: a recurrent network of either cell, a transformer over the
        steps, a perceptron on each step by itself, or convolutions over three steps each; or a
        class of one's own, see :func:`sklearn_tamulag.testing.check_sequence_model`.
    bidirectional : bool, default=False
        Whether recurrent encoders also read backwards, from the last valid step. True is refused
        with the others, which read the steps before and after alike, or neither.
    step_path : bool, default=False
        Whether a path leads from a step's own features to its state, past the recurrent layers.
    embedding_size : int or dict, default=32
        Size of the vector of each modality, at least 1; a dict by modality, "rest" for the others.
    unimodal_size : int, dict or None, default=None
        Size of the representation that a modality's own task reads, at least 1; a dict as in
        `embedding_size`. None is the size of its vector.
    fusion_size : int, default=64
        Size of the fused representation, which `transform` returns; at least 1.
    attention : {"softmax", "gate", "mean", "last"} or class, default="softmax"
        How the valid steps become one vector: weighted by a softmax of two gates, by the gates'
        product as published ("gate"), averaged, or the last one alone; or a class of one's own, see
        :func:`sklearn_tamulag.testing.check_pooling`.
    fusion : str or class, default="concat"
        How modalities meet. "concat" is side by side; "cross" appends the products of every pair,
        "semantic" a combination in each dimension of one space, and "crossmodal" what each reads in
        the steps of every other. "tensor" takes the products of all entries, "low_rank" the same
        with fewer weights, and "attention" a transformer over the modalities. Or a class of one's
        own, see :func:`sklearn_tamulag.testing.check_fusion`.
    dropout : float in [0, 1) or dict, default=0.1
        Share of values dropped in training; a dict by modality, "rest" for the others and fusion.
    modality_dropout : float in [0, 1), default=0.0
        Probability that a modality of a row is hidden from a training step, as if it were missing;
        one always remains. Prepares for rows that lack modalities where few training rows do.
    encoders : dict of str to dict or None, default=None
        By modality, values that replace `hidden_size`, `num_layers`, `cell`, `bidirectional`,
        `step_path`, and `lr` and `weight_decay` of the encoder alone. Or
        ``{"transformer": name_or_folder}``, which reads strings or token ids, with the options
        "trainable", "freeze_layers", "freeze_embeddings", "layer_decay", "tokenizer", "max_length",
        "lowercase", "prefix", "gradient_checkpointing", "cache"; see the user guide on text.
    label_generation : {"auto", "calibrated", "ulgm", "ulag", "none"}, default="auto"
        Where labels of the modalities come from: "calibrated" reads them off a row's place between
        the centres of the negative and the positive rows, "ulgm" off the ratio of its distances to
        these [2]_, "ulag" adds learned similarities as published [1]_, and "none" is y itself.
        "auto" is "calibrated".
    label_mixing : float in [0, 1], default=0.5
        Share of y in "calibrated" and "soft" labels, or of the kept label in those of "ulag".
    unimodal_weight : float >= 0, "auto" or dict, default="auto"
        Weight of each modality's own task in the loss; a dict by modality, "rest" for the others.
        "auto" is 1 with "none", and with other labels tanh|label - y| in scaled units, 1 until they
        move. At 0 a task trains nothing, and its `predict_unimodal` means nothing.
    temperature : float > 0, default=0.1
        Classification only: divides the cosine similarities, smaller is sharper.
    expert_size : int, default=16
        Regression only: width of the expert layers of "ulag", at least 1.
    neutral : float or "auto", default="auto"
        Regression only: the y that is neither positive nor negative. "auto" is 0 where y has both
        signs, else the weighted mean of y.
    target_scale : float > 0 or "auto", default="auto"
        Regression only: unit of the target; "auto" is the weighted root mean square of y - neutral.
    max_epochs : int, default=50
        The most passes over the training rows in a fit, at least 1.
    batch_size : int or None, default=32
        Rows in a batch, at least 1; None is one batch of all rows.
    optimizer : {"adamw", "adam", "nadam", "rmsprop", "sgd"} or class, default="adamw"
        The optimizer: a name, or an optimizer class of torch.
    lr : float >= 0, "auto" or dict, default="auto"
        Learning rate of all layers; a dict by modality, "rest" for the others and all shared
        layers. "auto" is 0.002, or 0.0005 and for the transformer 0.00005 if one is fine-tuned.
    weight_decay : float >= 0 or dict, default=0.0001
        Weight decay of the optimizer; a dict as in `lr`.
    warmup : float in [0, 1), default=0.0
        Share of the steps of `max_epochs` over which the learning rates rise from zero.
    schedule : {"constant", "linear", "cosine"}, default="constant"
        How the learning rates fall to zero at the end of `max_epochs`, if at all.
    gradient_accumulation : int, default=1
        Batches, at least 1, that make one step of the optimizer, as if they were one batch.
    gradient_clipping : float > 0 or None, default=1.0
        The largest norm of the gradient; None does not limit it.
    weight_averaging : {"ema", "swa"} or None, default=None
        Which average of the weights over the steps predicts, and is scored on held-out rows: "ema"
        is a running mean, "swa" the equal mean from the second epoch on. None takes the weights.
    early_stopping : bool, default=True
        Whether to stop once the validation loss no longer improves, and restore the best epoch. The
        validation rows are `X_val`, or held out of X, in whole groups where there are any.
    validation_fraction : float in (0, 1), default=0.15
        Share of the rows held out, in whole groups; of every class alike in classification.
    n_iter_no_change : int, default=10
        Epochs without a better validation loss after which training stops, at least 1.
    refit : bool, default=False
        Whether to train anew afterwards, on the held-out rows too, for as many epochs as the best
        one's number. Needs `early_stopping`, and rows that are held out of X.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, validation part, dropout and the order of rows. With an int the CPU gives
        equal bits at an equal number of threads; None draws from NumPy's global random state.
    warm_start : bool, default=False
        Whether a further fit goes on from the weights at hand, and for the same y from the labels.
    checkpoint : str, path or None, default=None
        Folder where the end of every epoch is saved. A fit that was interrupted, even killed, goes
        on from there when it is called again with the same parameters and data, and comes to the
        same. Many fits can share the folder. Needs an int `random_state`; not for `partial_fit`.
    device : str or torch.device, default="auto"
        Where to train, as torch names it; "auto" takes CUDA where there is one.
    precision : {"auto", "float32", "float64", "bfloat16"}, default="float32"
        Of weights and features; "bfloat16" computes in it where torch deems that safe. "auto" is
        "bfloat16" where a transformer is fine-tuned on a CPU or GPU with units for it, else
        "float32"; see `precision_`.
    compile : bool, default=False
        Whether training runs through torch.compile: a minute slower to start, and faster at best on
        a GPU. On the CPU it gains next to nothing.
    expected_modalities : sequence of str or None, default=None
        The modalities that fit is to find, in any order; anything else is refused, such as the flat
        matrix that a meta-estimator makes. Also the names, in this order, of the columns of an
        array of arrays. None takes any.
    allow_missing : bool, default=False
        Whether X may lack whole modalities of fit, as absent columns or keys, in all that follows
        it: they count as missing in every row.
    callbacks : list or None, default=None
        Callbacks of skorch, (name, callback) pairs or classes; instances are copied before use.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 prints a row per epoch.

    Attributes
    ----------
    net_ : TAMULAGNet
        The skorch net, with the network as ``net_.module_``.
    modalities_ : tuple of str
        The M modalities, in the order of every result.
    feature_sizes_ : dict of str to int or None
        The number of features per step, by modality; None for token ids.
    transformers_, tokenizers_ : dict
        By modality, the configuration of its transformer, and the tokenizer of its strings.
    precision_ : {"float32", "float64", "bfloat16"}
        The precision of the network, which "auto" was resolved to.
    n_features_in_ : int
        The columns of what was fitted, as scikit-learn counts them: ``X.shape[1]``, those of the
        flat matrix, for MultimodalData; M for a dict, a list of dicts or a table with a column per
        modality.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        The names of these columns, where they have any; MultimodalData and arrays have none.
    n_iter_ : int
        The number of epochs trained.
    best_iter_ : int
        The epoch whose weights are in use, from 1; the last one without early stopping.
    history_ : DataFrame of shape (epochs, columns)
        Losses in units of the scaled target (see Notes), by epoch from 1: ``train_loss``, what is
        minimised, the sum over all tasks; ``valid_loss``, of the multimodal task; ``train_`` and
        ``valid_`` columns of "multimodal" and every modality: mean losses weighted by row alone, of
        a modality over the rows that have it, in validation compared with y or with what people
        said of it (NaN without such rows). Also ``dur`` in seconds, and whatever callbacks record.
    search_history_ : DataFrame of shape (search epochs, columns)
        After a `refit`, `history_` of the training that chose the number of epochs. All other
        attributes are then those of the second training, on all rows.
    unimodal_labels_ : DataFrame of shape (n, M), dtype float64
        The generated labels in the units of y, as of `best_iter_`, of the rows given to fit, in
        their order; those that people gave as they were given. NaN where a row was held out, has
        weight zero or lacks the modality.
    unimodal_label_history_ : float64 ndarray of shape (epochs, n, M)
        The labels at the end of every epoch on these rows.

    See Also
    --------
    TAMULAGClassifier : The same network for classes.
    sklearn_tamulag.MultimodalPadder : Brings ragged sequences to fixed lengths.
    sklearn_tamulag.inspection.UnimodalLabelDisplay : Draws the generated labels.

    Notes
    -----
    The parameters stand in groups:

    =================  ==========================================================================
    group              parameters
    =================  ==========================================================================
    network            `hidden_size`, `num_layers`, `cell`, `bidirectional`, `step_path`,
                       `embedding_size`, `unimodal_size`, `fusion_size`, `attention`,
                       `fusion`, `dropout`, `modality_dropout`
    text and encoders  `encoders`
    labels             `label_generation`, `label_mixing`, `unimodal_weight`, `temperature`,
                       `expert_size`, `neutral`, `target_scale`
    training           `max_epochs`, `batch_size`, `optimizer`, `lr`, `weight_decay`, `warmup`,
                       `schedule`, `gradient_accumulation`, `gradient_clipping`,
                       `weight_averaging`
    early stopping     `early_stopping`, `validation_fraction`, `n_iter_no_change`, `refit`
    reproducibility    `random_state`, `warm_start`, `checkpoint`
    running            `device`, `precision`, `compile`, `expected_modalities`,
                       `allow_missing`, `callbacks`, `verbose`
    =================  ==========================================================================

    The network learns (y - neutral) / target_scale; predictions, labels and scores are in the units
    of y. Rows of weight zero are as if absent. A modality that a row lacks, with length 0 or an
    empty cell, adds nothing to any loss, centre or line, and every row must have at least one. In
    the fusion a vector stands for it, which is fitted after training on the training rows with gaps
    made in them, however many lacked it; what is said of complete rows does not hang on it.

    References
    ----------
    .. [1] Sun and Wang, "Self-supervised multimodal emotion recognition combining temporal
       attention mechanism and unimodal label automatic generation strategy", Journal of
       Electronics & Information Technology 46(2), 588-601, 2024, doi:10.11999/JEIT231107.
    .. [2] Yu, Xu, Yuan and Wu, "Learning modality-specific representations with self-supervised
       multi-task learning for multimodal sentiment analysis", AAAI 2021, arXiv:2102.04830.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> data = make_multimodal_sentiment(100, random_state=0)
    >>> regressor = TAMULAGRegressor(max_epochs=2, random_state=0).fit(data.X, data.y)
    >>> regressor.predict(data.X[:5]).shape
    (5,)
    >>> list(regressor.predict_unimodal(data.X[:5]).columns)
    ['text', 'audio', 'vision']
    >>> regressor.unimodal_labels_.shape, len(regressor.history_)
    ((100, 3), 2)
    """

    _criterion = torch.nn.L1Loss
    _stratify = False
    _default_labels = "calibrated"

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        unimodal_labels: pd.DataFrame | None = None,
    ) -> Self:
        """Train on labelled rows.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows. By modality a dict has an array (n, T, d) or a list of arrays (T_i, d), a
            DataFrame a column of arrays. A table of numbers is one modality "features" of one step.
        y : array-like of shape (n,)
            The labels, in any units.
        sample_weight : array-like of shape (n,), default=None
            The weight of each row, 0 or more, in any unit. Rows of weight 0 are as if absent.
        X_val : as X, default=None
            Validation rows in place of a part of X; only watched if `early_stopping` is False.
        y_val : array-like of shape (m,), default=None
            Their labels. Given together with `X_val`.
        sample_weight_val : array-like of shape (m,), default=None
            Their weights, as `sample_weight`.
        groups : array-like of shape (n,), default=None
            Rows of one group, as of one video, are held out together; None takes ``X.groups``. One
            string or number for each row.
        unimodal_labels : DataFrame of shape (n, <= M), default=None
            What people said of single modalities, in the units of y: a column for each modality
            that has any, rows in the order of X, NaN where a label is to be generated. An index
            that names rows must agree with ``X.ids``.

        Returns
        -------
        self : TAMULAGRegressor
            The fitted estimator.

        Raises
        ------
        TypeError, ValueError
            If X has none of these forms, a parameter is out of its range, numbers of rows differ, a
            valid step or y holds NaN or infinity, or no weight is positive.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            groups=groups,
            unimodal_labels=unimodal_labels,
        )

    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch on all rows, from the weights at hand if there are any.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, in any form that `fit` takes.
        y : array-like of shape (n,)
            The labels.
        sample_weight : array-like of shape (n,), default=None
            The weight of each row, 0 or more. Rows of weight 0 are as if absent.

        Returns
        -------
        self : TAMULAGRegressor
            The estimator.

        Raises
        ------
        TypeError, ValueError
            As in `fit`.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _read_target(
        self, y: Any, weight: NDArray[np.float64], *, learn: bool, name: str = "y"
    ) -> NDArray[np.float64]:
        return check_numbers(y, name)

    def _make_target(
        self, y: NDArray[np.float64], weight: NDArray[np.float64], dtype: torch.dtype
    ) -> ScaledTarget:
        return learn_scale(y, weight, self.neutral, self.target_scale, dtype)
