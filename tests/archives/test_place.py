import pytest

from inklings.archives.place import Place, is_url
from inklings.errors import SpecError

BASES = ("https://pacs.example:8443/dicom-web", "http://127.0.0.1/a/b/rs", "https://h")


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_url_is_a_service_a_study_or_a_series(base: str, slash: str) -> None:
    assert Place.parse(base + slash) == Place(base)
    assert Place.parse(f"{base}/studies{slash}") == Place(base)
    assert Place.parse(f"{base}/studies/1.2{slash}") == Place(base, "1.2")
    assert Place.parse(f"{base}/studies/1.2/series/3.4{slash}") == Place(base, "1.2", "3.4")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/x", "https://", "https://h/studies/1.2?PatientName=DOE", "https://h/studies/DOE",
        "https://h/studies/1.2/instances/3", "https://h/studies/1.2/series/",
        "https://h/studies/" + "1" * 65, "https://h/x#part", "https://[h/x", "https://h:99999/x",
        "https://h:port/x", "https://h:0/x",
    ],
)  # fmt: skip
def test_what_is_none_is_refused_without_saying_a_name(url: str) -> None:
    with pytest.raises(SpecError, match="expected https") as told:
        Place.parse(url)
    assert "?" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("url", ["https://me:secret@h/x", "https://me@h/x"])
def test_a_password_on_the_command_line_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SpecError, match="INKLINGS_DICOMWEB_USER") as told:
        Place.parse(url)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["https:/me:secret@h/x", "https://me:secret@[h/x", "https://me:sec\u2100ret@h/x",
            "https://me:secret"],
)  # fmt: skip
def test_no_part_of_a_password_is_repeated_where_a_url_is_broken(url: str) -> None:
    with pytest.raises(SpecError) as told:
        Place.parse(url)
    assert "sec" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "private"),
    [("https://h", True), ("http://localhost:1", True), ("http://127.0.0.9", True),
     ("http://[::1]:80", True), ("http://10.0.0.1", False), ("http://h", False)],
)  # fmt: skip
def test_only_tls_and_this_machine_are_private(url: str, private: bool) -> None:
    assert Place.parse(url).is_private == private


def test_urls_are_told_from_files() -> None:
    assert is_url("https://h/x")
    assert is_url("http:/h")
    assert not is_url("https")
    assert not is_url("C:/http://x")
