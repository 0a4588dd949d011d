"""How long runs take on this machine: measured here, drawn as a page; ``lnx bench`` is the command."""

from lnx.bench.measure import BenchReport, GapRow, StageRow, measure
from lnx.bench.page import to_html

__all__ = ["BenchReport", "GapRow", "StageRow", "measure", "to_html"]
