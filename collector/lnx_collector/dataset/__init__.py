"""Data sets: samples of many tags on one clock, as CSV or Parquet, with a manifest from which the same bytes come again."""
