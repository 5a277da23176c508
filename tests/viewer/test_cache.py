import threading
import time

from inklings.viewer.cache import Cache


def test_the_budget_is_kept_and_the_least_recently_used_goes_first() -> None:
    cache = Cache(100)
    for key in "abc":
        cache.get(key, lambda key=key: (key, 40))  # type: ignore[misc]
    assert cache.used == 80
    made: list[str] = []
    for key in "cba":
        cache.get(key, lambda key=key: (made.append(key), 40))  # type: ignore[misc]
    assert made == ["a"]
    assert cache.used <= 100


def test_what_is_larger_than_the_budget_is_handed_out_and_not_kept() -> None:
    cache = Cache(10)
    assert cache.get("big", lambda: ("value", 11)) == "value"
    assert (len(cache), cache.used) == (0, 0)


def test_what_many_ask_for_at_once_is_made_once() -> None:
    cache, made = Cache(100), []

    def slow() -> tuple[int, int]:
        time.sleep(0.05)
        made.append(1)
        return 7, 1

    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(cache.get("key", slow))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [7] * 8
    assert len(made) == 1


def test_a_failure_is_not_kept() -> None:
    cache = Cache(100)

    def fails() -> tuple[int, int]:
        raise ValueError("no")

    for _ in range(2):
        try:
            cache.get("key", fails)
        except ValueError:
            continue
        raise AssertionError("expected a failure")
    assert cache.get("key", lambda: (1, 1)) == 1
