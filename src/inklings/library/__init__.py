"""The library: what ``import inklings`` offers beside its records.

Every function reads what Python programs have (arrays, paths as text, cohorts in memory), calls
the one function of its room that the command of the same name calls, and returns a record.
"""
