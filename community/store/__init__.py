"""What the centre knows, on disk. The only SQL of the server: everyone else calls functions of this room."""
