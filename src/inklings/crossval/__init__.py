"""Repeated cross-validation by patient, for every task that predicts by itself."""
