"""The collector: factory data in, clean data sets out, nothing lost in between."""
