from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inklings.errors import MissingExtraError, ReaderError
from inklings.geometry import Region
from inklings.readers import microscope_files, open_image
from inklings.readers.volume import Volume

# Files are written by ZEISS's library, or here as the formats are described; each is read through
# the library of its owner, which knows nothing of the writer.


@dataclass(frozen=True)
class Said:
    """Scenes ``(P, T, Z, C, Y, X, S)`` that a file holds, and what it says of them."""

    pixels: NDArray[Any]
    um: tuple[float, float, float] | None
    channels: tuple[str, ...]

    def steps(self) -> tuple[float, float, float]:
        return self.um or (0.0, 0.0, 0.0)


def write_czi(path: Path, said: Said, skip: bool = False) -> None:
    czi = pytest.importorskip("pylibCZIrw.czi", reason="CZI: pip install inklings[microscope]")
    scenes, times, depth, channels, height, width, samples = said.pixels.shape
    z, y, x = (1e-6 * um for um in said.steps())
    with czi.create_czi(str(path)) as file:
        for p, t, k, c in np.ndindex(scenes, times, depth, channels):
            if skip and k == 1:
                continue
            plane = said.pixels[p, t, k, c, ..., ::-1]
            file.write(
                data=np.ascontiguousarray(plane),
                plane={"T": t, "Z": k, "C": c},
                location=(p * (width + 7), p * 3),
                **({"scene": p} if scenes > 1 else {}),
            )
        known = {} if said.um is None else {"scale_x": x, "scale_y": y, "scale_z": z}
        file.write_metadata("d", channel_names=dict(enumerate(said.channels)), **known)
    assert samples in (1, 3)
    assert height > 0


def write_lif(path: Path, said: Said, colours: tuple[int, ...] = (1, 2, 3)) -> None:
    pytest.importorskip("liffile", reason="LIF: pip install inklings[microscope]")
    axes = {"T": 4, "Z": 3, "Y": 2, "X": 1}
    um = dict(zip("ZYX", said.steps(), strict=True))
    elements, blocks = [], []
    for number, one in enumerate(said.pixels):
        step = dict(zip("TZCYXS", np.ascontiguousarray(one).strides, strict=True))
        count = dict(zip("TZCYXS", one.shape, strict=True))
        sides = "".join(
            f'<DimensionDescription DimID="{code}" NumberOfElements="{count[axis]}" Origin="0" '
            f'Length="{1e-6 * um.get(axis, 1) * (count[axis] - 1)}" Unit="m" BitInc="0" '
            f'BytesInc="{step[axis]}"/>'
            for axis, code in reversed(axes.items())
        )
        inner = "S" if count["S"] > 1 else "C"
        kinds = "".join(
            f'<ChannelDescription DataType="0" ChannelTag="{colours[k] if inner == "S" else 0}" '
            f'Resolution="{8 * one.itemsize}" NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" '
            f'LUTName="{name}" IsLUTInverted="0" BytesInc="{k * step[inner]}" BitInc="0"/>'
            for k, name in enumerate(said.channels if inner == "C" else ("Red", "Green", "Blue"))
        )
        elements.append(
            f'<Element Name="s{number}" UniqueID="{number}"><Data><Image><ImageDescription>'
            f"<Channels>{kinds}</Channels><Dimensions>{sides}</Dimensions></ImageDescription>"
            f'</Image></Data><Memory Size="{one.nbytes}" MemoryBlockID="B{number}"/></Element>'
        )
        blocks.append((f"B{number}", one.tobytes()))
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="f"><Children>'
        f"{''.join(elements)}</Children></Element></LMSDataContainerHeader>"
    )
    out = struct.pack("<IIBI", 0x70, 2 * len(xml) + 5, 0x2A, len(xml)) + xml.encode("utf-16-le")
    for name, data in blocks:
        out += struct.pack("<IIBQBI", 0x70, 2 * len(name) + 14, 0x2A, len(data), 0x2A, len(name))
        out += name.encode("utf-16-le") + data
    path.write_bytes(out)


def lite(values: Mapping[str, Any]) -> bytes:
    """Nikon's variant: type, length of the name, name, value; levels end with offsets."""
    out = b""
    for name, value in values.items():
        text = name.encode("utf-16-le") + b"\0\0"
        head = bytes([0, len(text) // 2]) + text
        if isinstance(value, Mapping):
            inner = lite(value)
            said = struct.pack("<IQ", len(value), len(head) + 12 + len(inner))
            out += bytes([11]) + head[1:] + said + inner + bytes(8 * len(value))
        elif isinstance(value, bool):
            out += bytes([1]) + head[1:] + bytes([value])
        elif isinstance(value, int):
            out += bytes([3]) + head[1:] + struct.pack("<I", value)
        elif isinstance(value, float):
            out += bytes([6]) + head[1:] + struct.pack("<d", value)
        else:
            out += bytes([8]) + head[1:] + str(value).encode("utf-16-le") + b"\0\0"
    return out


def write_nd2(path: Path, said: Said, skip: bool = False) -> None:
    pytest.importorskip("nd2", reason="ND2: pip install inklings[microscope]")
    scenes, times, depth, channels, height, width, samples = said.pixels.shape
    frames = scenes * times * depth
    z, y, _ = said.steps()
    parts, bits = channels * samples, 8 * said.pixels.itemsize
    loops: dict[str, Any] = {}
    points = {f"i{k:010}": {"dPosX": 0.0, "pPosName": f"s{k}"} for k in range(scenes)}
    for kind, count, more in (
        (4, depth, {"dZStep": z}),
        (1, times, {"dStart": 0.0, "dPeriod": 1.0, "dDuration": 9.0}),
        (2, scenes, {"Points": points}),
    ):  # fmt: skip
        if count > 1:
            below = {"ppNextLevelEx": {"i0000000000": loops}} if loops else {}
            loops = {"eType": kind, "uLoopPars": {"uiCount": count, **more}, **below}
    planes = {
        f"a{k}": {"sDescription": name, "uiCompCount": samples, "pFluorescentProbe": {"sName": ""}}
        for k, name in enumerate(said.channels)
    }
    chunks = [
        (
            b"ImageAttributesLV!",
            lite({"SLxImageAttributes": {
                "uiWidth": width, "uiWidthBytes": width * parts * bits // 8, "uiHeight": height,
                "uiComp": parts, "uiBpcInMemory": bits, "uiBpcSignificant": bits,
                "uiSequenceCount": frames, "eCompression": 2,
            }}),
        ),
        (
            b"ImageMetadataSeqLV|0!",
            lite({"SLxPictureMetadata": {
                "bCalibrated": said.um is not None, "dCalibration": y or 1.0,
                "sPicturePlanes": {"uiCount": channels, "sPlaneNew": planes},
            }}),
        ),
    ]  # fmt: skip
    if loops:
        chunks.append((b"ImageMetadataLV!", lite({"SLxExperiment": loops})))
    pixels = said.pixels.transpose(0, 1, 2, 4, 5, 3, 6).reshape(frames, -1)
    for k in range(frames - skip):
        chunks.append((b"ImageDataSeq|%d!" % k, bytes(8) + pixels[k].tobytes()))
    magic = 0x0ABECEDA
    out = struct.pack("<IIQ", magic, 32, 64) + b"ND2 FILE SIGNATURE CHUNK NAME01!"
    out += b"Ver3.0".ljust(64, b"\0")
    table = b""
    for name, data in chunks:
        out = out.ljust(-(-len(out) // 4096) * 4096, b"\0")
        table += name + struct.pack("<QQ", len(out), len(data))
        out += struct.pack("<IIQ", magic, 4072, len(data)) + name.ljust(4072, b"\0") + data
    out = out.ljust(-(-len(out) // 4096) * 4096, b"\0")
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(out))
    out += struct.pack("<IIQ", magic, 32, len(table) + len(end))
    path.write_bytes(out + b"ND2 FILEMAP SIGNATURE NAME 0001!" + table + end)


def everything(path: Path) -> NDArray[Any]:
    image = open_image(path)
    return image.read(image.geometry.full)


WRITERS: dict[str, Callable[[Path, Said], None]] = {
    "czi": write_czi, "lif": write_lif, "nd2": write_nd2
}  # fmt: skip


def some(generator: np.random.Generator, kind: str) -> Said:
    """Oblong, of any number of each axis; colours have one channel."""
    scenes, times, depth = generator.integers(1, 4, 3)
    samples = 3 if generator.random() < 0.3 else 1
    channels = 1 if samples == 3 else int(generator.integers(1, 4))
    height, width = generator.integers(5, 60, 2)
    dtype = np.uint8 if samples == 3 and kind == "lif" else generator.choice([np.uint8, np.uint16])
    shape = (scenes, times, depth, channels, height, width, samples)
    z, y, x = (float(generator.choice([0.25, 0.5, 0.65, 2.0])) for _ in range(3))
    if kind == "nd2":
        x = y  # it has one number for both
    um = (z, y, x) if generator.random() < 0.8 else None
    names = ("DAPI", "GFP", "Cy5")[:channels]
    return Said(generator.integers(1, 250, shape).astype(dtype), um, names)


@pytest.mark.parametrize("kind", WRITERS)
def test_scenes_planes_channels_and_spacings_are_read_as_they_are_stated(
    tmp_path: Path, kind: str
) -> None:
    generator = np.random.default_rng(0)
    for number in range(15):
        said = some(generator, kind)
        path = tmp_path / f"{number}.{kind}"
        if kind == "lif" and said.um is None:
            said = Said(said.pixels, (1.0, 1.0, 1.0), said.channels)
        WRITERS[kind](path, said)
        scenes, times, depth, channels, height, width, samples = said.pixels.shape
        scene, t, k = (int(generator.integers(n)) for n in (scenes, times, depth))
        words = [f"scene={scene}"] * (scenes > 1)
        if times > 1 and depth > 1 and said.um is None:
            words.append(f"page=t={t},z={k}")
        elif times > 1:
            words.append(f"page={t}" if said.um else f"page=t={t}")
        elif depth > 1 and said.um is None:
            words.append(f"page={k}")
        if words:
            with pytest.raises(ReaderError, match=r"expected one picture, got .*; say which with"):
                open_image(path)
        image = open_image(path, choice=";".join(words) or None)
        solid = depth > 1 and said.um is not None
        assert isinstance(image, Volume) == solid
        wanted = said.pixels[scene, t]  # (Z, C, Y, X, S)
        wanted = wanted.transpose(1, 4, 0, 2, 3).reshape(-1, depth, height, width)
        wanted = wanted if solid else wanted[:, k if depth > 1 else 0]
        got = image.read(image.geometry.full)
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == said.pixels.dtype
        assert len(image.channels) == channels * samples
        assert samples == 1 or image.channels == ("R", "G", "B")
        if samples == 1 and channels > 1:
            assert image.channels == said.channels
        if said.um is None:
            assert image.geometry.spacing is None
        else:
            mm = tuple(um / 1000 for um in said.um)
            assert image.geometry.spacing == pytest.approx(mm if solid else mm[1:], rel=1e-6)
        part = Region((*(0,) * solid, 1, 2), (*(1,) * solid, height - 3, width - 3))
        np.testing.assert_array_equal(
            image.read(part), got[(..., slice(1, height - 2), slice(2, width - 1))][
                (slice(None), *((slice(0, 1),) * solid))
            ],
        )  # fmt: skip


@pytest.mark.parametrize("colours", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_colours_of_leica_are_read_in_whatever_order_they_are_stored(
    tmp_path: Path, colours: tuple[int, ...]
) -> None:
    stored = np.random.default_rng(0).integers(0, 255, (1, 1, 1, 1, 20, 30, 3), np.uint8)
    write_lif(tmp_path / "a.lif", Said(stored, (1.0, 0.5, 0.5), ()), colours)
    wanted = [stored[0, 0, 0, 0, ..., colours.index(k)] for k in (1, 2, 3)]
    np.testing.assert_array_equal(everything(tmp_path / "a.lif"), wanted)


def test_a_pixel_size_that_cannot_be_is_noted_and_makes_no_volume(tmp_path: Path) -> None:
    said = Said(np.full((1, 1, 3, 1, 20, 30, 1), 7, np.uint8), (1.0, 5e9, 5e9), ("DAPI",))
    write_lif(tmp_path / "a.lif", said)
    with pytest.raises(ReaderError, match="3 planes in z at an unknown distance"):
        open_image(tmp_path / "a.lif")
    image = open_image(tmp_path / "a.lif", choice="page=1")
    assert image.geometry.spacing is None
    assert [note.kind for note in image.notes] == ["spacing"]


@pytest.mark.parametrize("write", [write_czi, write_nd2])
def test_a_plane_that_is_missing_is_never_read_as_zeros(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    said = Said(np.full((1, 1, 3, 1, 20, 30, 1), 7, np.uint8), (1.0, 0.5, 0.5), ("DAPI",))
    path = tmp_path / "a.bin"
    write(path, said, skip=True)
    with pytest.raises(ReaderError, match=r"expected 3 planes, got 2|frame 2 is not in"):
        everything(path)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_is_cut_short_is_one_line_with_its_name(tmp_path: Path, kind: str) -> None:
    said = Said(np.full((1, 1, 3, 2, 40, 30, 1), 7, np.uint16), (1.0, 0.5, 0.5), ("a", "b"))
    path = tmp_path / f"a.{kind}"
    WRITERS[kind](path, said)
    whole = path.read_bytes()
    for share in (0.02, 0.3, 0.7, 0.97):
        path = tmp_path / f"cut{share}.{kind}"
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ReaderError, match=r"cut0\..*") as caught:
            everything(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "head", [b"ZISRAWFILE", b"\xda\xce\xbe\x0a", b"\x70\0\0\0\0\0\0\0\x2a"]
)  # fmt: skip
def test_a_missing_library_is_named_with_the_extra(
    tmp_path: Path, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(microscope_files.importlib, "import_module", gone)
    path = tmp_path / "a.bin"
    path.write_bytes(head.ljust(600, b"\0"))
    with pytest.raises(MissingExtraError, match=r"pip install inklings\[microscope\]"):
        open_image(path)
