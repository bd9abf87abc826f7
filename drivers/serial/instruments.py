"""The instruments that have a serial line of their own: what `shouwang gateway ports` tries in turn."""

from drivers.serial import (
    air_particles_pms5003,
    bed_radar_mr60bha2,
    bed_radar_r60,
    co2_mhz19,
    enocean_dongle,
    fall_radar_mr60fda2,
    fall_radar_r60,
    presence_radar_ld2410,
    pulse_oximeter_cms50,
    pulse_oximeter_nonin,
    rfxtrx_radio,
    tracking_radar_ld2450,
)
from drivers.serial.instrument import Instrument

INSTRUMENTS: tuple[Instrument, ...] = (
    fall_radar_r60.INSTRUMENT,
    bed_radar_r60.INSTRUMENT,
    fall_radar_mr60fda2.INSTRUMENT,
    bed_radar_mr60bha2.INSTRUMENT,
    presence_radar_ld2410.INSTRUMENT,
    presence_radar_ld2410.LD2412,
    tracking_radar_ld2450.INSTRUMENT,
    pulse_oximeter_nonin.INSTRUMENT,
    air_particles_pms5003.INSTRUMENT,
    co2_mhz19.INSTRUMENT,
    enocean_dongle.INSTRUMENT,
    rfxtrx_radio.INSTRUMENT,
    pulse_oximeter_cms50.V46,
    pulse_oximeter_cms50.OLD,
)
"""One line each. Two that share line and frames are told apart by the questions of the one that is named first."""
