"""Probabilities that mean what they say: maps fitted on held-out patients, kept with a run.

`maps` says what a map is, `measure` how wrong probabilities are, `fitting` finds and chooses maps,
`record` is the file in the run and applies it.
"""
