"""Damage as disks, networks and other programs do it: the same for the same file, and harmless."""

import json
import re
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


WORD = re.compile(r'"[^"]*"|-?\d+\.?\d*|(?<=[</])\w+')
VALUES = (
    "null", "NaN", "nan", "Infinity", "1e308", "-1e308", "9" * 30, "9" * 5000, "2147483648",
    "1000000000", "-1", "0", "1e-300", '"x"', '""', "x", "[]", "{}", "[[1, [2]]]", "true", "",
)  # fmt: skip


def one(data: bytes, seed: int) -> tuple[str, bytes]:
    """One damage of any kind; ``seed`` says which, and where."""
    rng = np.random.default_rng([seed, len(data)])
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and rng.random() < 0.7:
        what, changed = (_words, _lines)[int(rng.random() < 0.3)](text, rng)
        return what, changed.encode()
    start, end = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    few = min(end, start + int(rng.integers(1, 64)))
    flipped = bytearray(data)
    for place in rng.integers(0, len(data), int(rng.integers(1, 9))):
        flipped[place] ^= 1 << int(rng.integers(0, 8))
    words = bytearray(data)
    words[start:few] = words[start:few][::-1]
    kinds = (
        (f"cut at {start}", data[:start]),
        ("bits flipped", bytes(flipped)),
        (f"{start} to {few} turned round", bytes(words)),
        (f"{start} to {few} zeroed", data[:start] + bytes(few - start) + data[few:]),
        (f"{start} to {few} all ones", data[:start] + b"\xff" * (few - start) + data[few:]),
        (f"{start} to {end} gone", data[:start] + data[end:]),
        (f"{start} to {end} twice", data[:end] + data[start:]),
    )
    return kinds[rng.integers(len(kinds))]


def _words(text: str, rng: np.random.Generator) -> tuple[str, str]:
    """A word is an absurd one, or some of what follows it is gone or there more than once."""
    words = list(WORD.finditer(text))
    if not words:
        return _lines(text, rng)
    word, value = words[rng.integers(len(words))], VALUES[rng.integers(len(VALUES))]
    start, end = word.span()
    if rng.random() < 0.3:
        end = min(len(text), end + int(rng.integers(1, 60)))
        value = text[start:end] * int(rng.integers(0, 3) * 2)
    told = f"{text[start:end][:40]!r} at {start} is {value[:40]!r}"
    return told, text[:start] + value + text[end:]


def _lines(text: str, rng: np.random.Generator) -> tuple[str, str]:
    """A line is gone, or there twice, or two are swapped."""
    lines = text.splitlines(keepends=True)
    a, b = rng.integers(0, len(lines), 2).tolist()
    gone = [*lines[:a], *lines[a + 1 :]]
    twice = [*lines[:a], lines[a], *lines[a:]]
    swapped = list(lines)
    swapped[a], swapped[b] = lines[b], lines[a]
    kinds = ((f"line {a} gone", gone), (f"line {a} twice", twice), (f"{a}, {b} swapped", swapped))
    what, chosen = kinds[rng.integers(3)]
    return what, "".join(chosen)
