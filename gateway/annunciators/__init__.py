"""What sounds, shines and speaks in the home: one module for each kind of annunciator and of switch behind it."""
