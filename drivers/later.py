"""Libraries that are loaded when they are first used: a home without Bluetooth needs 3 MiB less on a small box."""

from importlib import import_module


class Later:
    """Stands for a library until something of it is asked for."""

    def __init__(self, name: str) -> None:
        """`name` as for import."""
        self._name = name

    def __getattr__(self, name: str) -> object:
        module = import_module(self._name)
        try:
            found: object = getattr(module, name)
        except AttributeError:
            found = import_module(f"{self._name}.{name}")
        setattr(self, name, found)
        return found
