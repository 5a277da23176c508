import numpy as np
import pytest

from inklings.simulation.chain import Chain, apply, stream
from inklings.simulation.phantoms.tissue import tissue_field
from inklings.simulation.phantoms.world import Look
from inklings.weak.correction.texture import keep_what_looks_inside


@pytest.mark.parametrize("seed", [0, 1])
def test_hulls_around_tumour_lose_stroma_though_benign_glands_lie_outside(seed: int) -> None:
    """Far from the outlines lie glands of another kind; only the outside nearby is comparable."""
    images, masks, truths = [], [], []
    for k in range(16):
        look = Look.of_patient(100 * seed + k // 2)
        image, glands, tumour = tissue_field(1000 * seed + k, 192, look=look)
        objects = np.where(tumour, glands, 0).astype(np.int32)
        images.append(image)
        masks.append(apply(objects, Chain.parse("hull"), stream(seed, str(k))) > 0)
        truths.append(tumour)
    kept, share = keep_what_looks_inside(images, masks, seed)
    drawn, true = (sum(int(m.sum()) for m in part) for part in (masks, truths))
    assert share == pytest.approx(true / drawn, abs=0.2)
    before = 2 * true / (drawn + true)
    both = sum(int((a & b).sum()) for a, b in zip(kept, truths, strict=True))
    after = 2 * both / (sum(int(m.sum()) for m in kept) + true)
    assert after > before + 0.4 * (1 - before)
    assert all((k <= m).all() for k, m in zip(kept, masks, strict=True))
