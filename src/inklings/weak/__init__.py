"""Learning from weak labels: correction, pixel classifier, pseudo-labels, self-training."""
