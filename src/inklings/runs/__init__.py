"""What a training leaves behind: weights, what they mean, and where they come from."""
