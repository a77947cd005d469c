"""The errors that users may want to catch by name."""

__all__ = ["NonFiniteLossError"]


class NonFiniteLossError(FloatingPointError, ValueError):
    """A loss, or the weights, became NaN or infinite while training.

    Training stops and the estimator keeps the best weights, as after an interruption: those of
    the epoch with the lowest validation loss with early stopping, else those of the last epoch
    that ended well, or the initial ones if none did.

    Parameters
    ----------
    epoch : int
        The epoch, from 1.
    batch : int
        The batch of this epoch's training or validation pass, from 1.
    task : str
        The task whose loss it was: "multimodal", the name of a modality, or "weights" where every
        loss was finite and the weights were not.
    part : {"train", "valid"}, default="train"
        The rows that the loss was taken over.

    Examples
    --------
    >>> from sklearn_tamulag.exceptions import NonFiniteLossError
    >>> str(NonFiniteLossError(3, 7, "audio")).split(":")[0]
    "The training loss of task 'audio' is NaN or infinite in epoch 3, batch 7"
    """

    def __init__(self, epoch: int, batch: int, task: str, part: str = "train") -> None:
        # All of them as arguments of the base, so that joblib can send the error to its caller.
        super().__init__(epoch, batch, task, part)
        self.epoch = epoch
        self.batch = batch
        self.task = task
        self.part = part

    def __str__(self) -> str:
        rows = "training" if self.part == "train" else "validation"
        what = f"The {rows} loss of task {self.task!r} is"
        if self.task == "weights":
            what = "All losses are finite, but the weights are"
        return (
            f"{what} NaN or infinite in epoch {self.epoch}, batch {self.batch}: a lower lr or "
            "gradient_clipping, or features of X in standard units (SequenceScaler), help. The "
            "best weights so far are kept."
        )
