"""What was predicted, looked at and corrected in a browser; nothing leaves the machine."""
