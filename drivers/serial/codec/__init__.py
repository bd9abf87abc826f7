"""What frames of serial instruments mean, byte by byte. Pure: no port, no clock, no configuration."""
