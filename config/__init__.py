"""What a home is: the file that installers write, read and checked. Needs no radio, broker or device."""
