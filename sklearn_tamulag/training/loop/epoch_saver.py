"""What keeps a training run: the promise that the loop over epochs relies on."""

from typing import Any, Protocol


class EpochSaver(Protocol):
    """What keeps a training run, so that it can go on where it was interrupted."""

    def restore(self, net: Any) -> None:
        """Put a net that is about to train where the last one broke off, if one did.

        Parameters
        ----------
        net : TAMULAGNet
            The net, whose callbacks know that training has begun.
        """

    def save(self, net: Any) -> None:
        """Keep the state of a net at the end of an epoch.

        Parameters
        ----------
        net : TAMULAGNet
            The net.
        """
