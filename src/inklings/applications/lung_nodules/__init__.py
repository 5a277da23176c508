"""Lung nodules: from a chest CT to findings, stage by stage; each stage is usable alone."""
