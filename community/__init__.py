"""The community server: takes alerts and telemetry in, keeps cases, shows them to operators, answers the homes."""
