# SPDX-License-Identifier: Apache-2.0
"""The allocator against a plain list of words."""

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.host.allocator import Allocator


def test_random_against_a_list():
    rng = np.random.default_rng(1)
    allocator, used, areas = Allocator(200), [False] * 200, []
    for _ in range(2000):
        if areas and rng.random() < 0.5:
            start, size = areas.pop(rng.integers(len(areas)))
            allocator.free(start, size)
            used[start : start + size] = [False] * size
        else:
            size = int(rng.integers(1, 40))
            runs = "".join(" x"[u] for u in used).split("x")
            assert allocator.largest == max(map(len, runs))
            if max(map(len, runs)) < size:
                with pytest.raises(UserError, match=f"{size} words do not fit"):
                    allocator.allocate(size)
                continue
            start = allocator.allocate(size)
            assert not any(used[start : start + size]) and start + size <= 200
            used[start : start + size] = [True] * size
            areas.append((start, size))
        assert allocator.free_words == used.count(False)
    for start, size in areas:
        allocator.free(start, size)
    assert allocator.largest == 200
    assert Allocator(0).largest == 0
