# SPDX-License-Identifier: Apache-2.0
"""Train a model, or its float twin, on one GPU: parameters as .npz, the curve as .json."""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from .model import LanguageModel, TernaryLinear, ternary_weights

SIZES = {
    "shakespeare": {"width": 240, "hidden": 480, "layers": 3, "dropout": 0.2},
    "shakespeare-small": {"width": 128, "hidden": 256, "layers": 3, "dropout": 0.02},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--text", required=True, help="tinyshakespeare.txt")
    parser.add_argument("--out", type=Path, required=True, help="folder for NAME.npz, NAME.json")
    parser.add_argument("--float", action="store_true", help="train the float twin")
    parser.add_argument("--name", help="of the files (the size, with -float)")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--power", type=float, default=4, help="of the cosine of the rate")
    parser.add_argument("--floor", type=float, default=0, help="least rate, part of the highest")
    parser.add_argument("--still", type=float, default=0.1,
                        help="last part of the steps, in which the matrices rest")
    parser.add_argument("--decay", type=float, default=0)
    parser.add_argument("--beta", type=float, default=0.99, help="Adam's second one")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    for key in ("width", "hidden", "layers", "dropout"):
        parser.add_argument(f"--{key}", type=float, help=f"other {key} than the size has")
    options = parser.parse_args()
    size = SIZES[options.size] | {
        key: value if key == "dropout" else int(value)
        for key in ("width", "hidden", "layers", "dropout")
        if (value := getattr(options, key)) is not None}
    name = options.name or options.size + "-float" * options.float
    train(options, size, name)


def train(options: argparse.Namespace, size: dict, name: str) -> None:
    """Train, keep the checkpoint of the lowest validation loss, write both files."""
    torch.manual_seed(options.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    text = Path(options.text).read_text()
    vocabulary = "".join(sorted(set(text)))
    codes = torch.tensor([vocabulary.index(letter) for letter in text], device="cuda")
    split = len(codes) * 9 // 10
    learn, check = codes[:split], codes[split:]
    model = LanguageModel(characters=len(vocabulary), ternary=not options.float, **size).cuda()
    matrices = [module.weight for module in model.modules() if isinstance(module, TernaryLinear)]
    known = set(map(id, matrices))
    rest = [p for p in model.parameters() if id(p) not in known]
    groups = [{"params": matrices, "weight_decay": options.decay},
              {"params": [p for p in rest if p.dim() == 2], "weight_decay": options.decay},
              {"params": [p for p in rest if p.dim() != 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, options.beta), fused=True)
    warm = 200

    def factor(step: int, last: float) -> float:
        falling = (0.5 + 0.5 * math.cos(math.pi * min(1, step / last))) ** options.power
        return min((step + 1) / warm, options.floor + (1 - options.floor) * falling)

    # Trits go on flipping at the smallest rate: what is measured is best when they rest.
    end = options.steps * (1 - options.still)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, [
        lambda step: factor(step, end) * (step < end or not options.still),
        *2 * [lambda step: factor(step, options.steps)]])
    states = model.states(options.batch)

    def loss_of(window):
        logits, _ = model(window[:, :-1], states)
        return functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())

    compiled = torch.compile(loss_of)
    offsets = torch.arange(options.length + 1, device="cuda")
    generator = torch.Generator().manual_seed(options.seed)
    curve, best, start = [], (math.inf, 0, None), time.time()
    running = torch.zeros((), device="cuda")
    for step in range(1, options.steps + 1):
        first = torch.randint(len(learn) - options.length, (options.batch, 1),
                              generator=generator).cuda()
        loss = compiled(learn[first + offsets])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        running += loss.detach()
        if step % 250 == 0 or step == options.steps:
            model.eval()
            validation = model.evaluate(check)
            model.train()
            curve.append({"step": step, "train": running.item() / 250, "validation": validation})
            running.zero_()
            if validation < best[0]:
                best = (validation, step, stored(model))
            print(f"{name} {step} train {curve[-1]['train']:.4f} validation {validation:.4f} "
                  f"{time.time() - start:.0f} s", flush=True)
    loss, step, weights = best
    assert weights is not None
    options.out.mkdir(parents=True, exist_ok=True)
    np.savez(options.out / f"{name}.npz", **weights)
    record = {"name": name, "size": size, "float": options.float, "vocabulary": vocabulary,
              "ternary_weights": ternary_weights(model), "loss": loss, "step": step,
              "seconds": round(time.time() - start, 1), "torch": torch.__version__,
              "device": torch.cuda.get_device_name(), "curve": curve,
              "options": {key: getattr(options, key) for key in (
                  "steps", "rate", "power", "floor", "still", "decay", "beta", "batch", "length",
                "seed")}}
    (options.out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"{name}: {record['ternary_weights']} weights in matrices, validation loss {loss:.4f} at "
          f"step {step}, {record['seconds']} s", flush=True)


def stored(model: LanguageModel) -> dict[str, np.ndarray]:
    """Return the parameters; ternary weights as int8 trits and a scale."""
    tensors = {key: value.detach().cpu().numpy().copy()
               for key, value in model.state_dict().items()}
    for name, module in model.named_modules():
        if isinstance(module, TernaryLinear) and module.ternary:
            scale = module.scale().detach()
            trits = (module.weight.detach() / scale).round().clamp(-1, 1)
            tensors[f"{name}.weight"] = trits.cpu().numpy().astype(np.int8)
            tensors[f"{name}.weight.scale"] = scale.cpu().numpy()
    return tensors


if __name__ == "__main__":
    main()
