"""What sensors say in their advertisements: pure codecs, no radio.

`advert` is what was heard, `families` makes the parser of a device; every other module is one format or what formats
share.
"""
