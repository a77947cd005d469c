"""Recurrent nets over padded batches of unequal lengths, without work on most of the padding."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .randomness import dropped

# A batch is cut at the lengths that split its rows into this many equal parts: with uniform
# lengths a sixteenth of the steps is still padding, and more parts gain nothing more.
PARTS = 8

# Values of the states in one block. Beyond this torch's backward on the CPU leaves the cache: 32
# rows of 500 steps and 64 values take a third longer in one piece than in two.
BLOCK_VALUES = 2**19

# Blocks come in multiples of this many steps: shorter ones cost more than the padding that they
# avoid, and torch keeps some 0.4 MB for every other shape of a block that it has met.
STEP_TILE = 8

# Rows of a block come in multiples of this, so that rows round alike in every block.
ROW_TILE = 8


class TimeBlock(NamedTuple):
    """A piece of a batch whose rows are sorted by length: the first rows, over some steps.

    Attributes
    ----------
    rows : int
        The block holds the rows 0 to rows - 1.
    start, stop : int
        It holds the steps start to stop - 1.
    """

    rows: int
    start: int
    stop: int


def time_blocks(lengths: list[int], state_size: int) -> list[TimeBlock]:
    """Cut a batch along time, so that rows which have ended are left out of the later blocks.

    Parameters
    ----------
    lengths : list of int
        Valid lengths of the rows, in descending order; at least one row.
    state_size : int
        Values of the state of one step.

    Returns
    -------
    list of TimeBlock
        In the order of time, without gaps, up to the longest row, or of one step if there is none.
        All but the last are a multiple of `STEP_TILE` long.

    Examples
    --------
    >>> from sklearn_tamulag.nn.time_blocks import time_blocks
    >>> time_blocks([40] * 8 + [10] * 8, state_size=4)
    [TimeBlock(rows=16, start=0, stop=16), TimeBlock(rows=8, start=16, stop=40)]
    """
    n_rows = len(lengths)
    longest = max(lengths[0], 1)
    # The rows that go on where a block ends, the most first: whole tiles of them.
    ranks = sorted({_whole_tiles(-(-n_rows * part // PARTS), ROW_TILE) for part in range(1, PARTS)})
    ends = [lengths[rank] for rank in reversed(ranks) if rank < n_rows]
    blocks = []
    start, rows = 0, n_rows
    for end in [*ends, longest]:
        if end <= start:
            continue
        # Rows that end at once are left out a little later, rather than kept to the next end.
        stop = min(_whole_tiles(end, STEP_TILE), longest)
        while start < stop:
            while rows > ROW_TILE and lengths[rows - 1] <= start:
                rows -= 1
            rows = min(_whole_tiles(rows, ROW_TILE), n_rows)
            most = max(BLOCK_VALUES // (rows * state_size), STEP_TILE)
            pieces = -(-(stop - start) // most)
            piece = _whole_tiles(-(-(stop - start) // pieces), STEP_TILE)
            blocks.append(TimeBlock(rows, start, min(start + piece, stop)))
            start += piece
    return blocks


def _whole_tiles(number: int, tile: int) -> int:
    """The least multiple of a tile that holds a number."""
    return -(-number // tile) * tile


def run_recurrent(
    net: "nn.LSTM | nn.GRU | LayerByLayer", features: Tensor, lengths: Tensor
) -> Tensor:
    """States of a recurrent net that reads forwards, over a padded batch.

    On the CPU the rows are sorted by length and the batch is cut into blocks of time; each goes
    on from the states of the one before, with the rows that have not ended. That is what packing
    aims at, but torch's backward of packed sequences grows with the square of their length on the
    CPU. Elsewhere the batch is read in one piece: cutting it needs the lengths on the host, for
    which the device would have to be waited for, and cuDNN takes as long for a step of few rows as
    for one of many.

    Parameters
    ----------
    net : nn.LSTM, nn.GRU or LayerByLayer
        Built with ``batch_first=True``, not bidirectional.
    features : Tensor of shape (B, T, d)
        Padded features, with at least one step.
    lengths : Tensor of shape (B,), integer
        Valid lengths, from 0 to T.

    Returns
    -------
    Tensor of shape (B, T, H)
        States; those of padded steps mean nothing.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn.time_blocks import run_recurrent
    >>> net = torch.nn.LSTM(3, 4, batch_first=True)
    >>> run_recurrent(net, torch.randn(2, 5, 3), torch.tensor([5, 2])).shape
    torch.Size([2, 5, 4])
    """
    if torch.compiler.is_compiling():
        # Blocks hang on the lengths. As a decorator this would load the compiler with the package.
        return torch.compiler.disable(_run_blocks)(net, features, lengths)
    return _run_blocks(net, features, lengths)


def _run_blocks(
    net: "nn.LSTM | nn.GRU | LayerByLayer", features: Tensor, lengths: Tensor
) -> Tensor:
    """Run the net block by block where that pays."""
    n_rows, n_steps, _ = features.shape
    short = n_steps <= 2 * STEP_TILE
    if features.device.type != "cpu" or short:
        return net(features)[0]
    descending, order = lengths.sort(descending=True, stable=True)
    blocks = time_blocks(descending.tolist(), net.hidden_size)
    if len(blocks) == 1 and blocks[0].stop == n_steps:
        return net(features)[0]
    features = features.index_select(0, order)
    states = []
    state: tuple[Tensor, Tensor] | Tensor | None = None
    for rows, start, stop in blocks:
        if state is not None:
            state = _first_rows(state, rows)
        block = features[:rows, start:stop]
        lacking = (start - stop) % STEP_TILE
        if lacking:
            # The last block is filled up with padding, to a shape that torch has met before.
            block = F.pad(block, (0, 0, 0, lacking))
        block, state = net(block, state)
        # (rows, steps, H) -> (B, steps, H)
        states.append(F.pad(block[:, : stop - start], (0, 0, 0, 0, 0, n_rows - rows)))
    # Zeros where no row has a step.
    rest = n_steps - blocks[-1].stop
    if rest:
        states.append(features.new_zeros(n_rows, rest, net.hidden_size))
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(n_rows)
    # blocks x (B, steps, H) -> (B, T, H), in the order of the batch
    return torch.cat(states, dim=1).index_select(0, inverse)


def _first_rows(state: tuple[Tensor, Tensor] | Tensor, rows: int) -> tuple[Tensor, Tensor] | Tensor:
    """State of the first rows: (layers, B, H) -> (layers, rows, H)."""
    if isinstance(state, Tensor):
        return state[:, :rows].contiguous()
    hidden, memory = state
    return hidden[:, :rows].contiguous(), memory[:, :rows].contiguous()


class LayerByLayer:
    """A recurrent net of several layers, with dropout between them from a generator.

    The library's own dropout between layers draws from torch's global generator.

    Parameters
    ----------
    net : nn.LSTM or nn.GRU
        Built with ``batch_first=True``, not bidirectional.
    generator : torch.Generator
        Of the net's device.

    Attributes
    ----------
    hidden_size : int
        Size of the state of one layer.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn.time_blocks import LayerByLayer
    >>> net = torch.nn.LSTM(3, 4, num_layers=2, batch_first=True, dropout=0.5)
    >>> states, (hidden, memory) = LayerByLayer(net, torch.Generator())(torch.ones(2, 5, 3))
    >>> states.shape, hidden.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(self, net: nn.LSTM | nn.GRU, generator: torch.Generator) -> None:
        self.net = net
        self.generator = generator
        self.hidden_size = net.hidden_size

    def __call__(
        self, features: Tensor, state: tuple[Tensor, Tensor] | Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Run the layers over a batch.

        Parameters
        ----------
        features : Tensor of shape (B, T, d)
            The input of the first layer.
        state : Tensor of shape (layers, B, H), or two of them for an LSTM, optional
            Where to go on from; zeros by default.

        Returns
        -------
        states : Tensor of shape (B, T, H)
            The states of the last layer.
        state : as `state`
            The last states of all layers.
        """
        net = self.net
        gated = isinstance(net, nn.LSTM)
        if state is None:
            zeros = features.new_zeros(net.num_layers, len(features), net.hidden_size)
            state = (zeros, zeros) if gated else zeros
        parts = state if isinstance(state, tuple) else (state,)
        run: Any = torch.lstm if gated else torch.gru
        states, last = features, []
        for layer, weights in enumerate(net.all_weights):
            if layer > 0:
                # Time first, as the library lays out the mask: (B, T, H) -> (T, B, H) and back
                along = states.transpose(0, 1).contiguous()
                states = dropped(along, net.dropout, self.generator).transpose(0, 1)
            own = [part[layer : layer + 1].contiguous() for part in parts]
            states, *new = run(
                states, own if gated else own[0], weights, net.bias, 1, 0.0, True, False, True
            )
            last.append(new)
        # layers x (1, B, H) -> (layers, B, H)
        joined = tuple(torch.cat(layers) for layers in zip(*last, strict=True))
        return states, joined if gated else joined[0]
