# SPDX-License-Identifier: Apache-2.0
"""MatMul-free language model with the rounding of the integer model, in PyTorch.

After Zhu et al., "Scalable MatMul-free Language Modeling" (arXiv 2406.02528), as its published code
(ridgerchu/matmulfreellm) has it rather than its printed equations: no biases, lower bounds of the
forget gate, a norm of its own in every matrix, and gate times swish(state) as the mixer's output.
Left out is what a following norm undoes: the norms in front of a block and on the output gate.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Fraction bits of what comes out of a matrix, and of the residual stream; 16 bits in all.
FRACTION = 11
LARGEST = (1 << 15) / (1 << FRACTION)
#: Added to the mean square.
EPS = 2.0**-20


class TernaryLinear(nn.Module):
    """Norm, int8 activations by absmax, ternary weights with one scale; float if not ``ternary``.

    Rounding is half to even; gradients pass it unchanged (straight through).
    """

    def __init__(self, inputs: int, outputs: int, ternary: bool):
        super().__init__()
        self.ternary = ternary
        self.norm = nn.Parameter(torch.ones(inputs))
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * inputs**-0.5)

    def scale(self) -> Tensor:
        """Return the scale of the ternary weights."""
        return self.weight.abs().mean().clamp_min(1e-5)

    def forward(self, x: Tensor) -> Tensor:
        scaled = x * self.norm
        rms = (x.square().mean(-1, keepdim=True) + EPS).rsqrt()
        if not self.ternary:
            return functional.linear(scaled * rms, self.weight)
        peak = scaled.abs().amax(-1, keepdim=True).clamp_min(2.0**-20)
        codes = _round(scaled * (127 / peak))
        scale = self.scale()
        weights = self.weight / scale
        weights = weights + (weights.round().clamp(-1, 1) - weights).detach()
        # Codes and trits are exact in TF32, and so are the sums.
        y = functional.linear(codes, weights) * (peak * rms * (scale / 127))
        return y.clamp(-LARGEST, LARGEST - 2.0**-FRACTION)


def _round(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


def scan(keep: Tensor, add: Tensor, state: Tensor) -> Tensor:
    """Return h of h[t] = keep[t] * h[t - 1] + add[t], by doubling; shapes (batch, time, width)."""
    add = torch.cat((add[:, :1] + keep[:, :1] * state[:, None], add[:, 1:]), 1)
    step = 1
    while step < keep.shape[1]:
        add = torch.cat((add[:, :step], add[:, step:] + keep[:, step:] * add[:, :-step]), 1)
        keep = torch.cat((keep[:, :step], keep[:, step:] * keep[:, :-step]), 1)
        step *= 2
    return add


class Block(nn.Module):
    """Token mixer (MLGRU) and channel mixer (GLU)."""

    def __init__(self, width: int, hidden: int, ternary: bool, dropout: float):
        super().__init__()
        self.candidate, self.forget, self.gate, self.output = (
            TernaryLinear(width, width, ternary) for _ in range(4))
        self.up = TernaryLinear(width, 2 * hidden, ternary)
        self.down = TernaryLinear(hidden, width, ternary)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bound: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        keep = bound + (1 - bound) * torch.sigmoid(self.forget(x))
        h = scan(keep, functional.silu(self.candidate(x)) * (1 - keep), state)
        x = x + self.dropout(self.output(self.gate(x) * functional.silu(h)))
        gate, value = self.up(x).chunk(2, -1)
        return x + self.dropout(self.down(functional.silu(gate) * value)), h[:, -1]


class LanguageModel(nn.Module):
    """Characters in, logits of the next one out.

    Parameters
    ----------
    characters, width, hidden, layers : int
        Sizes; ``hidden`` is that of the GLU.
    ternary : bool
        Else the float twin: the same without any rounding.
    dropout : float
        Of the embedding and of what each mixer adds.
    """

    def __init__(self, *, characters: int, width: int, hidden: int, layers: int, ternary: bool,
                 dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.blocks = nn.ModuleList(Block(width, hidden, ternary, dropout) for _ in range(layers))
        self.bounds = nn.Parameter(torch.zeros(layers, width))
        self.head = TernaryLinear(width, characters, ternary)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.embedding.weight, std=0.5)

    def lower_bounds(self) -> Tensor:
        """Return the least values of the forget gates, (layers, width); 0 in the first layer."""
        sums = self.bounds.softmax(0).cumsum(0)
        return sums - sums[:1]

    def states(self, batch: int) -> list[Tensor]:
        """Return the states at the start of a text."""
        return [self.bounds.new_zeros(batch, self.bounds.shape[1]) for _ in self.blocks]

    def forward(self, text: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x = self.dropout(self.embedding(text))
        after = []
        for block, bound, state in zip(self.blocks, self.lower_bounds(), states):
            x, state = block(x, bound, state)
            after.append(state)
        return self.head(x), after

    @torch.no_grad()
    def evaluate(self, text: Tensor, chunk: int = 4096) -> float:
        """Return nats per character of a text, state carried from its start, but for the first."""
        states, total = self.states(1), 0.0
        for start in range(0, len(text) - 1, chunk):
            end = min(start + chunk, len(text) - 1)
            logits, states = self(text[None, start:end], states)
            total += functional.cross_entropy(
                logits[0], text[start + 1 : end + 1], reduction="sum").item()
        return total / (len(text) - 1)


def ternary_weights(model: LanguageModel) -> int:
    """Return the number of weights in matrices."""
    return sum(math.prod(module.weight.shape) for module in model.modules()
               if isinstance(module, TernaryLinear))
