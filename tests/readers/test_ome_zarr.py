"""OME-Zarr of both versions, written by zarr as the format's pages say."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inklings.errors import ReaderError, SpecError
from inklings.geometry import Region
from inklings.readers import open_image
from inklings.readers.pyramid import Pyramid
from inklings.readers.volume import Volume

zarr = pytest.importorskip("zarr", reason="OME-Zarr: pip install inklings[zarr]")


def store(
    path: Path,
    levels: list[np.ndarray],
    axes: str,
    version: str = "0.4",
    scales: list[list[float]] | None = None,
    translations: list[list[float]] | None = None,
    unit: str | None = "micrometer",
    **more: Any,
) -> Path:
    """One multiscale image; ``more`` stands beside it in the metadata."""
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    datasets = []
    for k, level in enumerate(levels):
        chunks = tuple(min(16, n) for n in level.shape)
        array = group.create_array(f"s{k}", shape=level.shape, dtype=level.dtype, chunks=chunks)
        array[:] = level
        steps = [{"type": "scale", "scale": (scales or [[1.0] * len(axes)] * 9)[k]}]
        if translations:
            steps.append({"type": "translation", "translation": translations[k]})
        datasets.append({"path": f"s{k}", "coordinateTransformations": steps})
    kinds = {"t": "time", "c": "channel"}
    said = [
        {
            "name": a,
            "type": kinds.get(a, "space"),
            **({"unit": unit} if unit and a in "zyx" else {}),
        }
        for a in axes
    ]
    ome = {"multiscales": [{"version": version, "axes": said, "datasets": datasets}], **more}
    group.attrs.update(ome if version == "0.4" else {"ome": {"version": version, **ome}})
    return path


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 200, shape, dtype=np.uint8)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yx", "cyx", "tcyx", "tczyx"])
def test_a_picture_comes_as_it_was_written(version: str, axes: str, tmp_path: Path) -> None:
    picture = noise(3 if "c" in axes else 1, 40, 50)
    whole = picture[0] if "c" not in axes else picture
    stored = whole.reshape(*(1 for a in axes if a in "tz" and a == "t"), *whole.shape)
    if "z" in axes:
        stored = stored[:, :, None]
    path = store(tmp_path / "a.zarr", [stored], axes, version, [[0.5] * len(axes)])
    with open_image(path) as image:
        assert isinstance(image, Pyramid)
        assert image.channels == (("R", "G", "B") if "c" in axes else ("grey",))
        assert image.geometry.spacing == pytest.approx((5e-4, 5e-4))
        np.testing.assert_array_equal(image.read(image.geometry.full), picture)
        box = Region((7, 11), (20, 9))
        np.testing.assert_array_equal(image.read(box), picture[:, 7:27, 11:20])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["zyx", "czyx", "cxyz"])
def test_a_volume_lies_where_its_scale_and_translation_say(
    version: str, axes: str, tmp_path: Path
) -> None:
    volume = noise(2 if "c" in axes else 1, 5, 20, 30)
    order = {"zyx": (0, 1, 2), "czyx": (0, 1, 2, 3), "cxyz": (0, 3, 2, 1)}[axes]
    stored = (volume if "c" in axes else volume[0]).transpose(order)
    mm = {"z": 3.0, "y": 0.5, "x": 0.25, "c": 1.0}
    at = {"z": -10.0, "y": 20.0, "x": 7.0, "c": 0.0}
    scale, place = ([[one[a] for a in axes]] for one in (mm, at))
    path = store(tmp_path / "v.zarr", [stored], axes, version, scale, place, "millimeter")
    with open_image(path) as image:
        assert isinstance(image, Volume)
        assert image.geometry.spacing == (3.0, 0.5, 0.25)
        assert image.geometry.origin == (7.0, 20.0, -10.0)
        np.testing.assert_array_equal(image.read(image.geometry.full), volume)
        box = Region((1, 4, 5), (3, 6, 20))
        np.testing.assert_array_equal(image.read(box), volume[:, 1:4, 4:10, 5:25])


@pytest.mark.parametrize("axes", ["xy", "yxc", "xyc", "xcy", "zcyx", "yxzc", "xzty"])
def test_axes_may_stand_in_any_order(axes: str, tmp_path: Path) -> None:
    sizes = {"t": 1, "c": 2 if "c" in axes else 1, "z": 4, "y": 20, "x": 30}
    whole = noise(*(sizes[a] for a in "tczyx"))
    unused = tuple(k for k, a in enumerate("tczyx") if a not in axes)
    there = [a for a in "tczyx" if a in axes]
    expected = whole[0] if "z" in axes else whole[0, :, 0]
    stored = whole if "z" in axes else whole[:, :, :1]
    stored = stored.squeeze(unused).transpose([there.index(a) for a in axes])
    with open_image(store(tmp_path / "a.zarr", [stored], axes)) as image:
        assert image.geometry.shape == expected.shape[1:]
        np.testing.assert_array_equal(image.read(image.geometry.full), expected)
        box = Region((1, 5, 7)[-len(expected.shape) + 1 :], (2, 6, 8)[-len(expected.shape) + 1 :])
        np.testing.assert_array_equal(image.read(box), expected[(slice(None), *box.slices)])


@pytest.mark.parametrize("dtype", ["bool", "int8", ">u2", "uint64", "float16", ">f4", ">f8"])
def test_samples_of_any_real_type_come_as_they_are_in_native_order(
    dtype: str, tmp_path: Path
) -> None:
    samples = (np.arange(600).reshape(20, 30) % 7 * 3).astype(dtype)
    if dtype == "uint64":
        samples[0, :2] = 2**63 + 5, 2**53 + 1
    with open_image(store(tmp_path / "a.zarr", [samples], "yx")) as image:
        found = image.read(image.geometry.full)[0]
    assert found.dtype == samples.dtype.newbyteorder("=")
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, samples)


def test_a_volume_says_nothing_of_levels_that_it_never_reads(tmp_path: Path) -> None:
    fine = noise(8, 20, 30)
    scales = [[1.0] * 3, [2.0] * 3]
    with open_image(
        store(tmp_path / "v.zarr", [fine, fine[::2, ::2, ::2]], "zyx", "0.4", scales)
    ) as v:
        assert not v.notes
        np.testing.assert_array_equal(v.read(v.geometry.full)[0], fine)


def test_levels_of_any_factor_are_used_where_they_lie_on_the_finest(tmp_path: Path) -> None:
    """Factor 3, and one level half a coarse sample off: a look of three reads the second level."""
    fine, third = noise(90, 60), np.full((30, 20), 7, np.uint8)
    scales = [[1.0, 1.0], [3.0, 3.0]]
    right = store(tmp_path / "r.zarr", [fine, third], "yx", "0.4", scales, [[0, 0], [1.0, 1.0]])
    view = open_image(right).shrunk(3)
    np.testing.assert_array_equal(view.read(view.geometry.full)[0], third)
    wrong = store(tmp_path / "w.zarr", [fine, third], "yx", "0.4", scales, [[5, 5], [7.5, 7.5]])
    image = open_image(wrong)
    assert any("levels s1 lie beside the finest" in str(note) for note in image.notes)
    view = image.shrunk(3)
    assert not (view.read(view.geometry.full)[0] == 7).all()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_come_from_the_finest_level_alone(version: str, tmp_path: Path) -> None:
    """The coarser level holds numbers that are nowhere in the finest, as averages are."""
    labels = np.kron(np.array([[1, 0], [0, 9]], np.uint16), np.ones((8, 8), np.uint16))
    averaged = np.full((8, 8), 5, np.uint16)
    path = store(
        tmp_path / "l.zarr", [averaged, labels], "yx", version, [[2.0, 2.0], [1.0, 1.0]],
        **{"image-label": {"version": version}},
    )  # fmt: skip
    with open_image(path) as image:
        assert isinstance(image, Pyramid)
        assert image.geometry.shape == (16, 16)
        coarse = image.as_codes().shrunk(2)
        assert set(np.unique(coarse.read(coarse.geometry.full))) <= {0, 1, 9}


def test_several_fields_or_times_are_refused_in_one_line(tmp_path: Path) -> None:
    film = store(tmp_path / "t.zarr", [noise(4, 8, 8)], "tyx")
    with pytest.raises(ReaderError, match="got 4 along the axis 't'"):
        open_image(film)
    fields = tmp_path / "f.zarr"
    zarr.open_group(str(fields), mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    picture = noise(8, 9)
    store(fields / "0", [picture], "yx")
    np.testing.assert_array_equal(open_image(fields).read(Region((0, 0), (8, 9)))[0], picture)
    store(fields / "1", [picture], "yx")
    with pytest.raises(ReaderError, match="expected one field, got 2"):
        open_image(fields)
    plate = tmp_path / "p.zarr"
    zarr.open_group(str(plate), mode="w", zarr_format=2).attrs["plate"] = {"wells": []}
    with pytest.raises(ReaderError, match="expected one field, got a plate"):
        open_image(plate)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"multiscales": {"a": 1}}, "metadata are damaged"),
        ({"multiscales": [3]}, "metadata are damaged"),
        ({"omero": {"channels": [3]}}, "metadata are damaged"),
        ({"scale": [2.0]}, "a scale of 2 numbers expected"),
        ({"scale": [float("inf"), 1.0]}, "a scale of 2 numbers expected"),
        ({"scale": [0.0, 1.0]}, "scales above 0 expected"),
        ({"translation": [float("nan"), 1.0]}, "a translation of 2 numbers expected"),
        ({"dtype": "complex64"}, "expected real samples, got complex64"),
    ],
)
def test_what_the_metadata_cannot_mean_is_one_line(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    samples = noise(20, 30).astype(change.pop("dtype", np.uint8))
    scales = [change.pop("scale", [1.0, 1.0])]
    moved = [change.pop("translation")] if "translation" in change else None
    path = store(tmp_path / "a.zarr", [samples], "yx", "0.4", scales, moved, **change)
    with pytest.raises(ReaderError, match=said) as caught:
        open_image(path)
    assert "\n" not in str(caught.value)


def test_damage_and_strangers_are_one_line(tmp_path: Path) -> None:
    plain = tmp_path / "g.zarr"
    zarr.open_group(str(plain), mode="w", zarr_format=2)
    with pytest.raises(ReaderError, match=r"expected OME-Zarr 0.4 or 0.5"):
        open_image(plain)
    path = store(tmp_path / "a.zarr", [noise(32, 32)], "yx")
    with pytest.raises(SpecError):
        open_image(path, choice="page=2")
    chunk = next(p for p in (path / "s0").rglob("*") if p.is_file() and not p.name.startswith("."))
    chunk.write_bytes(b"damaged")
    image = open_image(path)
    with pytest.raises(ReaderError, match="level s0 cannot be read") as caught:
        image.read(image.geometry.full)
    assert "\n" not in str(caught.value)
    (path / "s0" / ".zarray").unlink()
    with pytest.raises(ReaderError):
        open_image(path)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_the_library_of_the_format_writes_comes_in_as_it_lies(
    tmp_path: Path, version: str
) -> None:
    """Oblong pixels and images; levels a third and a twelfth, placed by their translations."""
    writer = pytest.importorskip("ome_zarr.writer", reason="pip install ome-zarr")
    form = importlib.import_module("ome_zarr.format")
    fmt = form.FormatV04() if version == "0.4" else form.FormatV05()
    factors, um = (1, 3, 12), {"z": 2.0, "y": 0.5, "x": 0.25}
    for number, axes in enumerate(["yx", "cyx", "tcyx", "zyx", "czyx", "tczyx"]):
        sizes = {"t": 1, "c": 2, "z": 5, "y": 96, "x": 72}
        fine = noise(*(sizes[a] for a in axes), seed=number)
        levels = [fine[..., f // 2 :: f, f // 2 :: f] for f in factors]
        steps = [
            [
                {
                    "type": "scale",
                    "scale": [um.get(a, 1.0) * (f if a in "yx" else 1) for a in axes],
                },
                {
                    "type": "translation",
                    "translation": [(f - 1) / 2 * um[a] if a in "yx" else 0.0 for a in axes],
                },
            ]
            for f in factors
        ]
        path = tmp_path / f"{axes}.zarr"
        group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
        said = [
            {"name": a, "type": {"t": "time", "c": "channel"}.get(a, "space"),
             **({"unit": "micrometer"} if a in um else {})}
            for a in axes
        ]  # fmt: skip
        writer.write_multiscale(levels, group, fmt=fmt, axes=said, coordinate_transformations=steps)
        image = open_image(path)
        solid = "z" in axes
        assert isinstance(image, Volume) == solid
        assert not image.notes
        whole = fine.reshape(-1, *((5,) if solid else ()), 96, 72)
        np.testing.assert_array_equal(image.read(image.geometry.full), whole)
        mm = (2e-3, 5e-4, 2.5e-4)
        assert image.geometry.spacing == pytest.approx(mm if solid else mm[1:])
        if isinstance(image, Pyramid):
            assert image.downsamples == pytest.approx(factors)
            view = image.shrunk(12)
            np.testing.assert_array_equal(
                view.read(view.geometry.full), whole[..., 6::12, 6::12]
            )  # fmt: skip


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_and_pyramids_that_the_library_makes_itself_come_in(
    tmp_path: Path, version: str
) -> None:
    writer = pytest.importorskip("ome_zarr.writer", reason="pip install ome-zarr")
    form = importlib.import_module("ome_zarr.format")
    fmt = form.FormatV04() if version == "0.4" else form.FormatV05()
    picture = noise(3, 210, 131)
    drawn = (picture[0] // 40).astype(np.uint16)
    more = {"scale": {"y": 0.5, "x": 0.25}, "axes_units": {"y": "micrometer", "x": "micrometer"}}
    path = tmp_path / "a.zarr"
    writer.write_image(
        picture, str(path), axes="cyx", fmt=fmt, **{**more, "scale": {"c": 1.0, **more["scale"]}}
    )
    writer.write_labels(drawn, str(path), name="cells", axes="yx", fmt=fmt, **more)
    for name, wanted in (("", picture), ("labels/cells", drawn[None])):
        image = open_image(path / name)
        np.testing.assert_array_equal(image.read(image.geometry.full), wanted)
        assert image.geometry.spacing == pytest.approx((5e-4, 2.5e-4))
