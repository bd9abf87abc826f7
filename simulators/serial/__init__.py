"""Serial instruments on pseudo terminals."""
