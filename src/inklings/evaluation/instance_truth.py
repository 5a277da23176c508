"""Labels of the instances of bags, for scoring what a model says of them.

This is the one reader of the file, and stands where nothing that learns may reach it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inklings.bags.instance_truth import INSTANCE_TRUTH
from inklings.errors import DataError


def instance_truth(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Labels ``(N,)`` of the instances of each case: 0 for none, k + 1 for class k.

    Empty where a cohort has none.

    Raises:
        DataError: If the file is damaged.
    """
    path = folder / INSTANCE_TRUTH
    if not path.is_file():
        return {}
    try:
        table = pq.read_table(path, columns=["case", "labels"])
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged ({reason}); import the cohort again") from None
    column = table.column("labels").combine_chunks()
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.uint8)
    stops = np.cumsum([0, *(len(row) for row in column)])
    names = table.column("case").to_pylist()
    return {name: values[stops[i] : stops[i + 1]] for i, name in enumerate(names)}
