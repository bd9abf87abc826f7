"""The daemon in the elder's home: drivers in, rules, local voice, outbox, uplink."""
