"""Measuring, interleaved and paired (installed as edgeseg.benchmarks)."""
