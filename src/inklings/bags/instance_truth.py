"""Labels of the instances of bags, put where only evaluation looks.

Bags are learnt from one label each. Where the instances have labels of their own, they go into a
file beside the cohort whose only reader is `inklings.evaluation.instance_truth`: the cases, their
facts and the files of instances say nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inklings.files import written

INSTANCE_TRUTH = "instance_truth.parquet"


def keep_instance_truth(folder: Path, labels: Mapping[str, NDArray[np.uint8]]) -> None:
    """Write the labels of the instances of each case, ``(N,)``: 0 for none, k + 1 for class k."""
    table = pa.table({
        "case": pa.array(list(labels), pa.string()),
        "labels": pa.array([row.tolist() for row in labels.values()], pa.list_(pa.uint8())),
    })  # fmt: skip
    with written(folder / INSTANCE_TRUTH) as path:
        pq.write_table(table, path)
