"""The demonstration's front door: one page that explains itself, lets things happen, and lets people in."""
