"""Damage as disks, networks and other programs do it: the same for the same file, and harmless."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np


def of_bytes(data: bytes, flips: int = 6, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """A file that is empty, cut short, of which a byte is another, or a range is zero."""
    rng = np.random.default_rng([seed, len(data)])
    size = len(data)
    for share in (0.0, 0.1, 0.5, 0.9):
        yield f"cut at {share:.0%}", data[: int(share * size)]
    yield "cut by one byte", data[:-1]
    places = [0, *rng.integers(0, size, flips - 2).tolist(), size - 1]
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(0, 8))
        yield f"byte {place} flipped", bytes(flipped)
    for start in (0, size // 3, 2 * size // 3):
        zeroed = bytearray(data)
        length = min(64, max(1, size // 8), size - start)
        zeroed[start : start + length] = bytes(length)
        yield f"{length} bytes from {start} on zeroed", bytes(zeroed)
    yield "another file", b"\x89PNG\r\n\x1a\n" + bytes(range(256))


DEEP = 100_000


def of_json(record: Any) -> Iterator[tuple[str, str]]:
    """JSON that parses to something else, or does not parse."""
    text = json.dumps(record)
    yield "nested deeply", "[" * DEEP + "]" * DEEP
    yield "a list", f"[{text}]" if not isinstance(record, list) else '{"a": 1}'
    yield "nothing", "null"
    yield "a number", "1e999"
    yield "text", '"text"'
    yield "UTF-16", text.encode("utf-16").decode("latin-1")
    if isinstance(record, dict):
        first = next(iter(record))
        yield "a key twice", f'{{"{first}": 1, ' + text[1:]
        for key in record:
            if record[key] is None or isinstance(record[key], bool):
                continue
            for name, other in (("a mapping", {"x": {}}), ("a list", [[1, [2]]])):
                yield f"{key} is {name}", json.dumps({**record, key: other})
            yield f"no {key}", json.dumps({k: v for k, v in record.items() if k != key})


def of_yaml(text: str) -> Iterator[tuple[str, str]]:
    """YAML that parses to something else, refers to itself without end, or does not parse."""
    yield "nested deeply", "[" * 5000 + "]" * 5000
    yield "a list", "- 1\n- 2\n"
    yield "nothing", ""
    yield "a tab", "\tname: x\n"
    first = text.split(":", 1)[0]
    yield "a key twice", f"{text}\n{first}: again\n"
    yield "circular", "a: &a [*a]\n"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 12)]
    yield "lines that stand for many", "\n".join(lines) + "\n"
    yield "no date", "name: 2020-13-45\n" + text
    yield "no number", "name: !!int x\n" + text
    yield "an object", "!!python/object/apply:os.getcwd []\n"
