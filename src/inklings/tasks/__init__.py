"""What can be asked: each task says how it reads, learns, is judged, and predicts."""
