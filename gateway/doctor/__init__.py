"""`shouwang gateway doctor`: looks over the whole box of a home, and says what to do about what it finds."""
