"""What a model said of the cases of a folder: one head, one payload a case; no torch needed.

``predictions.yaml`` is the head (`head.Head`): the kind, classes, thresholds, which run and whose
weights, the patients it was trained on, and all settings. Beside it lies one payload a case, each
whole or not there:

============ ======================= ===================================== ======================
kind         payload                 where                                 module
============ ======================= ===================================== ======================
``dense``    `DensePrediction`       ``cases/<id>.npz``                    `predictions.dense`
``dense``    `SlidePrediction`       ``cases/<id>/``, with ``slide.json``  `predictions.slides`
``bags``     `BagPrediction`         ``cases/<id>.npz``                    `predictions.bags`
``findings`` `Findings`            ``findings/<id>.json``                `predictions.findings`
============ ======================= ===================================== ======================

and ``failed.json`` with the reason of each case that could not be predicted (`parallel`).

`folder.PredictionFolder` is how anybody finds out what a folder holds::

    there = PredictionFolder.open(path)     # DataError where it holds no predictions
    there.kind, there.head                  # "dense", "bags" or "findings"
    there.cases, there.slides               # ids of what is done, sorted; those that are slides
    there.payload("p001")                   # DensePrediction | SlidePrediction | ...
    there.image("p001")                     # the file it was made from, quickly
    there.failed                            # case to reason
    there = PredictionFolder.claim(out, head)   # to write: a new folder, or one of the same head
"""
