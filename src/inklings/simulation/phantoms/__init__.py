"""Images with a known answer, drawn from a seed: for the demo, tests and benchmarks."""
