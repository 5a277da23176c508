"""What tells who a patient is, and how to take it away."""
