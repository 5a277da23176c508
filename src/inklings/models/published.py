"""Encoders as timm publishes them: a folder with ``config.json`` and weights.

``local-dir:FOLDER`` names such a folder, ``hf-hub:OWNER/NAME`` (with ``@REVISION``) a repository
whose files lie in the cache of the hub; the network is asked only where it can be reached. What
`inklings.models.pathology` knows is taken from there, and needs no ``config.json``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants

from inklings.errors import ReaderError, SpecError
from inklings.models.pathology import Pathology, known

_HUB, _LOCAL = ("hf-hub:", "hf_hub:"), "local-dir:"
_WEIGHTS = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin")
_PATIENCE_S = 3.0


@dataclass(frozen=True)
class Published:
    """What a folder says of an encoder.

    Attributes:
        folder: Where it lies; None where only the weights are asked for, when they are.
        architecture: Name in timm.
        arguments: Of the model.
        card: Mean, spread, input size and the like, as timm's ``pretrained_cfg``.
        known: What the table of encoders of pathology says, where it is one of these.
        revision: Of the repository.
    """

    folder: Path | None
    architecture: str
    arguments: Mapping[str, Any]
    card: Mapping[str, Any]
    known: Pathology | None = None
    revision: str | None = None

    @property
    def weights(self) -> Path:
        """The file of its weights.

        Raises:
            ReaderError: If there is none.
        """
        if self.folder is None:
            assert self.known is not None
            path = in_cache(self.known.repository, _WEIGHTS, self.revision)
            if path is None:
                raise _absent(self.known.repository, "--weights FILE")
            return path
        for name in _WEIGHTS:
            if (self.folder / name).is_file():
                return self.folder / name
        raise ReaderError(
            f"{self.folder}: expected weights ({', '.join(_WEIGHTS)}), got none; copy them there, "
            "or give the file with --weights"
        )


def published(name: str) -> Published | None:
    """What ``hf-hub:`` and ``local-dir:`` names mean; None for any other name.

    Raises:
        ReaderError: If the files are not here and cannot be had.
        SpecError: If they are no encoder of timm.
    """
    if (one := known(name)) is not None:
        mean, std = one.normalisation
        revision = name.partition("@")[2] or None
        return Published(
            None, one.architecture, one.arguments, {"mean": mean, "std": std}, one, revision
        )
    if name.startswith(_LOCAL):
        folder = Path(name.removeprefix(_LOCAL)).expanduser()
    elif name.startswith(_HUB):
        folder = _snapshot(name.split(":", 1)[1])
    else:
        return None
    return _read(folder)


def in_cache(repository: str, names: tuple[str, ...], revision: str | None = None) -> Path | None:
    """The first of some files of a repository, from the cache or, where it answers, the hub."""
    for local in (True, False):
        if not local and not reachable():
            break
        for name in names:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    path = huggingface_hub.hf_hub_download(
                        repository,
                        name,
                        revision=revision,
                        local_files_only=local,
                        etag_timeout=_PATIENCE_S,
                        endpoint=constants.ENDPOINT,
                    )
                return Path(path)
            except huggingface_hub.errors.LocalEntryNotFoundError:
                if not local:  # who does not answer for one file does not for the next
                    return None
            except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError):
                continue
    return None


def reachable() -> bool:
    """Whether the hub answers, also through a proxy: else it is asked for half a minute a file."""
    if constants.HF_HUB_OFFLINE:
        return False
    try:
        huggingface_hub.get_session().head(constants.ENDPOINT, timeout=_PATIENCE_S)
    except Exception:  # of sockets, of certificates, of whichever client the hub has
        return False
    return True


def _snapshot(address: str) -> Path:
    repository, _, revision = address.partition("@")
    config = in_cache(repository, ("config.json",), revision or None)
    if config is None:
        raise _absent(repository, "--encoder local-dir:FOLDER")
    if not any((config.parent / name).exists() for name in _WEIGHTS):
        in_cache(repository, _WEIGHTS, revision or None)
    return config.parent


def _absent(repository: str, instead: str) -> ReaderError:
    return ReaderError(
        f"encoder {repository} is neither in the cache nor to be downloaded (no network, or its "
        f"licence is not accepted?): on a connected machine run 'hf download {repository}' and "
        f"copy its cache here (HF_HUB_CACHE names the folder), or give {instead}"
    )


def _read(folder: Path) -> Published:
    try:
        said = json.loads((folder / "config.json").read_bytes())
    except OSError as error:
        raise ReaderError(
            f"expected an encoder of timm (config.json and weights) in {folder}: {error.strerror}"
        ) from None
    except ValueError as error:
        raise ReaderError(f"{folder / 'config.json'}: expected JSON ({error})") from None
    architecture = said.get("architecture") if isinstance(said, dict) else None
    if not isinstance(architecture, str):
        raise SpecError(
            f"{folder / 'config.json'}: expected the architecture of an encoder of timm, got none; "
            "name the architecture with --encoder and give the file with --weights"
        )
    arguments = dict(said.get("model_args") or {})
    if said.get("global_pool") is not None:
        arguments.setdefault("global_pool", said["global_pool"])
    card = said.get("pretrained_cfg")
    return Published(folder, architecture, arguments, card if isinstance(card, dict) else said)
