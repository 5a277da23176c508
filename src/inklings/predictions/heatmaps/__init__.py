"""What is predicted of a slide, written while it is predicted: pyramids, outlines, areas."""
