"""What an accelerometer that a person wears says of falls. Pure Python: it runs on the box in the home."""
