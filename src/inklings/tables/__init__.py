"""Tables that users bring: comma, semicolon or tab, with or without what spreadsheets add to them.

One reader for every importer and command: `read_table` finds encoding, separator and header, and
refuses what it cannot place with the row (counted as a spreadsheet does: the header is row 1) and
the column. What was dropped or guessed is in `Table.notes`.
"""

from inklings.tables.parts import parts, told
from inklings.tables.reading import read_table
from inklings.tables.table import Table

__all__ = ["Table", "parts", "read_table", "told"]
