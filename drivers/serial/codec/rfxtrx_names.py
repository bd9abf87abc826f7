"""What numbers in RFXtrx packets are called (RFXtrx user guide, as Danielhiversen/pyRFXtrx 0.34 has the names)."""

from collections.abc import Mapping

TRANSCEIVERS: Mapping[int, str] = {
    0x50: "310MHz",
    0x51: "315MHz",
    0x52: "433.92MHz",
    0x53: "433.92MHz",
    0x55: "868.00MHz",
    0x56: "868.00MHz FSK",
    0x57: "868.30MHz",
    0x58: "868.30MHz FSK",
    0x59: "868.35MHz",
    0x5A: "868.35MHz FSK",
    0x5B: "868.95MHz",
    0x5C: "868.30MHz FSK PKT",
    0x5D: "868.35MHz FSK PKT",
    0x5E: "868.40MHz FSK PKT",
}

_MODES = (
    ("aeblyss", "rubicson", "fineoffset", "lighting4", "rsl", "byronsx", "imagintronix", "undecoded"),
    ("mertik", "adlightwave", "hideki", "lacrosse", "fs20", "proguard", "blindst0", "blindst1234"),
    ("x10", "arc", "ac", "homeeasy", "meiantech", "oregon", "ati", "visonic"),
    ("keeloq", "homeconfort"),
)
PROTOCOLS: Mapping[str, tuple[int, int]] = {
    name: (byte, bit) for byte, names in enumerate(_MODES) for bit, name in enumerate(names)
}
"""Byte and bit of each protocol that can be listened to."""

HUMIDITY: Mapping[int, str] = {0x00: "dry", 0x01: "comfort", 0x02: "normal", 0x03: "wet"}
LIGHTING1: Mapping[int, str] = {
    0x00: "Off",
    0x01: "On",
    0x02: "Dim",
    0x03: "Bright",
    0x05: "All/group Off",
    0x06: "All/group On",
    0x07: "Chime",
}
LIGHTING2: Mapping[int, str] = {
    0x00: "Off",
    0x01: "On",
    0x02: "Set level",
    0x03: "Group off",
    0x04: "Group on",
    0x05: "Set group level",
}
SECURITY1: Mapping[int, str] = {
    0x00: "Normal",
    0x01: "Normal Delayed",
    0x02: "Alarm",
    0x03: "Alarm Delayed",
    0x04: "Motion",
    0x05: "No Motion",
    0x06: "Panic",
    0x07: "End Panic",
    0x08: "IR",
    0x09: "Arm Away",
    0x0A: "Arm Away Delayed",
    0x0B: "Arm Home",
    0x0C: "Arm Home Delayed",
    0x0D: "Disarm",
    0x10: "Light 1 Off",
    0x11: "Light 1 On",
    0x12: "Light 2 Off",
    0x13: "Light 2 On",
    0x14: "Dark Detected",
    0x15: "Light Detected",
    0x16: "Battery low",
    0x17: "Pairing KD101",
    0x80: "Normal Tamper",
    0x81: "Normal Delayed Tamper",
    0x82: "Alarm Tamper",
    0x83: "Alarm Delayed Tamper",
    0x84: "Motion Tamper",
    0x85: "No Motion Tamper",
}

TYPES: Mapping[int, Mapping[int, str]] = {
    0x10: {
        0x00: "X10 lighting",
        0x01: "ARC",
        0x02: "ELRO AB400D",
        0x03: "Waveman",
        0x04: "Chacon EMW200",
        0x05: "IMPULS",
        0x06: "RisingSun",
        0x07: "Philips SBC",
        0x08: "Energenie",
        0x09: "Energenie5",
        0x0A: "GDR2",
        0x0B: "HQ",
    },
    0x11: {0x00: "AC", 0x01: "HomeEasy EU", 0x02: "ANSLUT", 0x03: "Kambrook"},
    0x13: {0x00: "PT2262"},
    0x16: {0x00: "Byron SX", 0x01: "Byron MP001", 0x02: "Select Plus", 0x03: "Select Plus 3", 0x04: "Envivo"},
    0x20: {
        0x00: "X10 Security",
        0x01: "X10 Security Motion Detector",
        0x02: "X10 Security Remote",
        0x03: "KD101 Smoke Detector",
        0x04: "Visonic Powercode Door/Window Sensor Primary Contact",
        0x05: "Visonic Powercode Motion Detector",
        0x06: "Visonic Codesecure",
        0x07: "Visonic Powercode Door/Window Sensor Auxilary Contact",
        0x08: "Meiantech",
        0x09: "Alecto SA30 Smoke Detector",
        0x0A: "RM174RF Smoke Detector",
    },
    0x4E: {0x01: "BBQ1 - Maverick ET-732"},
    0x50: {
        0x01: "THR128/138, THC138",
        0x02: "THC238/268,THN132,THWR288,THRN122,THN122,AW129/131",
        0x03: "THWR800",
        0x04: "RTHN318",
        0x05: "La Crosse TX2, TX3, TX4, TX17",
        0x06: "TS15C",
        0x07: "Viking 02811",
        0x08: "La Crosse WS2300",
        0x09: "RUBiCSON",
        0x0A: "TFA 30.3133",
        0x0B: "WT0122",
    },
    0x51: {0x01: "LaCrosse TX3", 0x02: "LaCrosse WS2300", 0x03: "Inovalley S80"},
    0x52: {
        0x01: "THGN122/123, THGN132, THGR122/228/238/268",
        0x02: "THGR810, THGN800",
        0x03: "RTGR328",
        0x04: "THGR328",
        0x05: "WTGR800",
        0x06: "THGR918/928, THGRN228, THGN500",
        0x07: "TFA TS34C, Cresta",
        0x08: "WT260,WT260H,WT440H,WT450,WT450H",
        0x09: "Viking 02035,02038",
        0x0A: "Rubicson",
        0x0B: "EW109",
        0x0C: "Imagintronix",
        0x0D: "Alecto WS1700",
        0x0E: "Alecto",
    },
}
"""Types of devices by type and subtype of their packets."""
