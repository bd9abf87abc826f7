"""What a home's configuration says of its Bluetooth adapters."""

from typing import Annotated

from pydantic import Field

SLOTS = 5
"""Connections at a time: what the weakest common adapters carry (CSR 5, Broadcom 7; bleak-retry-connector#67)."""

Adapter = Annotated[str, Field(pattern="^hci[0-9]{1,2}$")]


def radio_id(adapter: str) -> str:
    """The adapter as a sensor of the home: it is heard, silent or down like any other."""
    return f"bluetooth-{adapter}"
