"""The operators' console: HTML made by the server, kept live by one event stream. It decides nothing about a case."""
