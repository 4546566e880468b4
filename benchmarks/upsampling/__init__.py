"""Forms of an upsampling against each other: `python -m edgeseg.benchmarks.upsampling`."""
