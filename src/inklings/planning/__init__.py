"""From a cohort and a machine to an experiment whose every line says why it is so.

`look` reads a sample of the training cases, `fingerprint` puts together what they have in common,
rules turn that and the `budget` into values with reasons, and `plan` writes them down. Labels of
the test part are never read. No rule knows a data set by its name.
"""
