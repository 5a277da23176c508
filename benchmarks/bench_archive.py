"""A study of 80 slices from an archive to its stored segmentation, in seconds of the processor.

The archive is Orthanc, started here on this machine; its own work is not counted, and the time of
the network alone (`inklings.inference.volumes.predict_any` of the same voxels) is told beside.

    python benchmarks/bench_archive.py
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

from orthanc import orthanc
from volume_runs import study, volume_run

from inklings.archives.answers import kind_of
from inklings.archives.dicomweb import Archive
from inklings.archives.place import Place
from inklings.archives.predicted import downloaded, store
from inklings.inference.device import best_device
from inklings.inference.predict import predict
from inklings.inference.volumes import predict_any
from inklings.progress import silence
from inklings.readers import open_image
from inklings.runs.run import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=80)
    parser.add_argument("--side", type=int, default=512)
    asked = parser.parse_args()
    silence(True)
    with tempfile.TemporaryDirectory() as name, orthanc(Path(name) / "orthanc") as server:
        folder = Path(name)
        run = volume_run(folder / "run", window=256)
        shape = (asked.slices, asked.side, asked.side)
        files = sorted(study(folder / "study", "1.2.3", shape).iterdir())
        warm = sorted(study(folder / "warm", "1.2.4").iterdir())
        Archive(Place.parse(server.url)).store(warm)
        server.upload(*files)
        _, to = kind_of(run)
        for uid in ("1.2.4", "1.2.3"):  # the first only loads what is loaded once
            times = [time.process_time()]
            out = folder / uid
            archive, folders = downloaded([f"{server.url}/studies/{uid}"], out)
            times.append(time.process_time())
            predict(run, folders, out)
            times.append(time.process_time())
            done = store(archive, out, [one.name for one in folders], to)
            times.append(time.process_time())
        assert done.objects == 1
        assert len(server.objects("SEG")) == 2
        with open_image(folders[0]) as image:
            voxels, geometry = image.read(image.geometry.full), image.geometry
        model = Run.load(run)
        model.model.to(best_device())
        start = time.process_time()
        predict_any(model, voxels, geometry)
        network = time.process_time() - start
    fetched, predicted, stored = np.diff(times)
    whole = fetched + predicted + stored
    print(f"{asked.slices} slices of {asked.side}: {whole:.1f} s of the processor from archive to")
    print(f"archive (fetch {fetched:.1f}, predict {predicted:.1f}, store {stored:.1f});")
    print(f"the network alone {network:.1f}, the rest {whole - network:.1f}")


if __name__ == "__main__":
    main()
