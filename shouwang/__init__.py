"""The vocabulary of Shouwang 守望, shared by the home and the community server: values, protocols, wire contract.

Nothing in this package reads a clock, opens a file or waits: it may be imported by everyone.
"""
