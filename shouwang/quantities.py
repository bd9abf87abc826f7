"""What can be measured or noticed in a home. Units, codes and plausible ranges hang on the quantity.

Codes: LOINC and UCUM from the FHIR vital-sign value sets; MDC from IEEE 11073-10101 (32-bit: partition 2, term).
"""

from dataclasses import dataclass
from enum import StrEnum


class Quantity(StrEnum):
    """A measured quantity or a noticed event. A unit is never a free string: it belongs to the quantity."""

    HEART_RATE = "heart-rate"
    RR_INTERVAL = "rr-interval"
    SPO2 = "spo2"
    PULSE_AMPLITUDE = "pulse-amplitude"
    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    MEAN_ARTERIAL_PRESSURE = "mean-arterial-pressure"
    CUFF_PRESSURE = "cuff-pressure"
    IRREGULAR_PULSE = "irregular-pulse"
    BODY_TEMPERATURE = "body-temperature"
    GLUCOSE = "glucose"
    INTERSTITIAL_GLUCOSE = "interstitial-glucose"
    GLUCOSE_TREND = "glucose-trend"
    HBA1C = "hba1c"
    CARBOHYDRATE = "carbohydrate"
    WEIGHT = "weight"
    HEIGHT = "height"
    BMI = "bmi"
    BODY_FAT = "body-fat"
    MUSCLE_SHARE = "muscle-share"
    MUSCLE_MASS = "muscle-mass"
    FAT_FREE_MASS = "fat-free-mass"
    SOFT_LEAN_MASS = "soft-lean-mass"
    BODY_WATER = "body-water"
    IMPEDANCE = "impedance"
    BASAL_METABOLISM = "basal-metabolism"
    RESPIRATORY_RATE = "respiratory-rate"
    OXYGEN_THERAPY = "oxygen-therapy"
    CONSCIOUSNESS = "consciousness"
    STEPS = "steps"
    BATTERY = "battery"
    BATTERY_VOLTAGE = "battery-voltage"
    BATTERY_LOW = "battery-low"
    SIGNAL_STRENGTH = "signal-strength"
    SOS = "sos"
    CANCEL = "cancel"
    FALL = "fall"
    PRESENCE = "presence"
    MOTION = "motion"
    BODY_MOVEMENT = "body-movement"
    ACCELERATION = "acceleration"
    BED = "bed"
    DISTANCE = "distance"
    DOOR = "door"
    TAMPER = "tamper"
    BUTTON = "button"
    MEDICATION = "medication"
    VIBRATION = "vibration"
    SMOKE = "smoke"
    CARBON_MONOXIDE_ALARM = "carbon-monoxide-alarm"
    GAS_ALARM = "gas-alarm"
    GAS_CONCENTRATION = "gas-concentration"
    HEAT_ALARM = "heat-alarm"
    LEAK = "leak"
    MODE = "mode"
    PROBLEM = "problem"
    MAINS_LOST = "mains-lost"
    QUEUE_AGE = "queue-age"
    DISK_USED = "disk-used"
    CLOCK_ERROR = "clock-error"
    STARTS = "starts"
    MEMORY_FREE = "memory-free"
    CARD_WEAR = "card-wear"
    BOX_TEMPERATURE = "box-temperature"
    UNDER_VOLTAGE = "under-voltage"
    POWER_CUT = "power-cut"
    BACKUP_BATTERY = "backup-battery"
    SWITCH = "switch"
    CUT_OFF = "cut-off"
    POWER = "power"
    ENERGY = "energy"
    TEMPERATURE = "temperature"
    HUMIDITY = "humidity"
    AIR_PRESSURE = "air-pressure"
    ILLUMINANCE = "illuminance"
    CO2 = "co2"
    CARBON_MONOXIDE = "carbon-monoxide"
    PM1 = "pm1"
    PM2_5 = "pm2-5"
    PM4 = "pm4"
    PM10 = "pm10"
    VOC_INDEX = "voc-index"
    NOX_INDEX = "nox-index"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantityInfo:
    """Unit (UCUM), codes, inclusive plausible range in that unit, and words for people.

    `event` marks what happens at a moment (a press), as against a level that lasts (a door is open).
    `life_safety` marks what must never be dropped when a queue is full. `is_stream`: comes many times a second; rules
    watch it, the card and the centre do not keep it.
    """

    unit: str
    low: float
    high: float
    zh: str
    en: str
    loinc: str | None = None
    mdc: int | None = None
    event: bool = False
    life_safety: bool = False
    is_stream: bool = False

    def is_plausible(self, value: float) -> bool:
        """Whether a sensor in a home can mean this value (NaN and infinities never are)."""
        return self.low <= value <= self.high


# Plausible ranges are wider than physiology at home needs, so that only impossible values fall out:
# oximeters report 0-100 % and pulse 25-250 /min or so (ISO 80601-2-61 class devices state 18-321 at the extremes).
QUANTITIES: dict[Quantity, QuantityInfo] = {
    Quantity.HEART_RATE: QuantityInfo(
        unit="/min", low=10, high=350, zh="脉率", en="pulse rate", loinc="8867-4", mdc=149530
    ),
    Quantity.SPO2: QuantityInfo(
        unit="%", low=20, high=100, zh="血氧饱和度", en="oxygen saturation", loinc="59408-5", mdc=150456
    ),
    # 300 to 2000 ms are 200 to 30 beats a minute; ectopic beats and pauses reach farther.
    Quantity.RR_INTERVAL: QuantityInfo(
        unit="ms", low=150, high=6000, zh="心搏间期", en="RR interval", loinc="8637-1", mdc=147240
    ),
    Quantity.PULSE_AMPLITUDE: QuantityInfo(
        unit="%", low=0, high=30, zh="灌注指数", en="pulse amplitude index", loinc="61006-3", mdc=150488
    ),
    # Automated cuffs measure within 0 to 299 mmHg (IEC 80601-2-30 limits the cuff to 300 mmHg in adults).
    Quantity.SYSTOLIC: QuantityInfo(
        unit="mm[Hg]", low=30, high=300, zh="收缩压", en="systolic pressure", loinc="8480-6", mdc=150021
    ),
    Quantity.DIASTOLIC: QuantityInfo(
        unit="mm[Hg]", low=10, high=250, zh="舒张压", en="diastolic pressure", loinc="8462-4", mdc=150022
    ),
    Quantity.MEAN_ARTERIAL_PRESSURE: QuantityInfo(
        unit="mm[Hg]", low=10, high=280, zh="平均动脉压", en="mean arterial pressure", loinc="8478-0", mdc=150023
    ),
    Quantity.CUFF_PRESSURE: QuantityInfo(unit="mm[Hg]", low=0, high=330, zh="袖带压", en="cuff pressure"),
    Quantity.IRREGULAR_PULSE: QuantityInfo(unit="1", low=0, high=1, zh="脉搏不齐", en="irregular pulse"),
    # Deepest accidental hypothermia survived 11.8 Cel, thermometers for people read 25 to 45 or so.
    Quantity.BODY_TEMPERATURE: QuantityInfo(
        unit="Cel", low=20, high=46, zh="体温", en="body temperature", loinc="8310-5", mdc=150364
    ),
    # ISO 15197 meters read 10 to 600 mg/dL (0.6 to 33.3 mmol/L) or so; a CGM 40 to 400 mg/dL.
    Quantity.GLUCOSE: QuantityInfo(
        unit="mmol/L", low=0.3, high=60, zh="血糖", en="blood glucose", loinc="15074-8", mdc=160020
    ),
    Quantity.INTERSTITIAL_GLUCOSE: QuantityInfo(
        unit="mmol/L", low=0.3, high=60, zh="组织间液葡萄糖", en="interstitial glucose", loinc="105272-9", mdc=160212
    ),
    Quantity.GLUCOSE_TREND: QuantityInfo(unit="mmol/L/min", low=-2, high=2, zh="葡萄糖变化率", en="glucose trend"),
    Quantity.HBA1C: QuantityInfo(unit="%", low=2, high=25, zh="糖化血红蛋白", en="HbA1c", loinc="4548-4", mdc=160220),
    Quantity.CARBOHYDRATE: QuantityInfo(unit="g", low=0, high=2000, zh="碳水化合物", en="carbohydrate"),
    Quantity.WEIGHT: QuantityInfo(unit="kg", low=1, high=330, zh="体重", en="body weight", loinc="29463-7", mdc=188736),
    Quantity.HEIGHT: QuantityInfo(unit="cm", low=40, high=260, zh="身高", en="body height", loinc="8302-2", mdc=188740),
    Quantity.BMI: QuantityInfo(unit="kg/m2", low=5, high=150, zh="体质指数", en="BMI", loinc="39156-5", mdc=188752),
    Quantity.BODY_FAT: QuantityInfo(unit="%", low=1, high=80, zh="体脂率", en="body fat", loinc="41982-0", mdc=188748),
    Quantity.MUSCLE_SHARE: QuantityInfo(unit="%", low=1, high=95, zh="肌肉率", en="muscle share"),
    Quantity.MUSCLE_MASS: QuantityInfo(unit="kg", low=1, high=200, zh="肌肉量", en="muscle mass", loinc="73964-9"),
    Quantity.FAT_FREE_MASS: QuantityInfo(
        unit="kg", low=1, high=250, zh="去脂体重", en="fat-free mass", loinc="91557-9", mdc=188756
    ),
    Quantity.SOFT_LEAN_MASS: QuantityInfo(unit="kg", low=1, high=250, zh="瘦软组织量", en="soft lean mass", mdc=188760),
    Quantity.BODY_WATER: QuantityInfo(unit="kg", low=1, high=200, zh="体水分", en="body water", mdc=188764),
    Quantity.IMPEDANCE: QuantityInfo(unit="Ohm", low=50, high=3000, zh="阻抗", en="impedance"),
    Quantity.BASAL_METABOLISM: QuantityInfo(unit="kJ", low=500, high=30_000, zh="基础代谢", en="basal metabolism"),
    # Breaths of adults 4 to 60 a minute; sources in 60 GHz radars' manuals report 0 to 35, patient monitors up to 150.
    Quantity.RESPIRATORY_RATE: QuantityInfo(
        unit="/min", low=3, high=150, zh="呼吸频率", en="respiratory rate", loinc="9279-1", mdc=151562
    ),
    Quantity.OXYGEN_THERAPY: QuantityInfo(unit="1", low=0, high=1, zh="吸氧", en="on oxygen"),
    # ACVPU: 0 alert, 1 new confusion, 2 responds to voice, 3 to pain, 4 unresponsive (RCP, NEWS2).
    Quantity.CONSCIOUSNESS: QuantityInfo(unit="1", low=0, high=4, zh="意识", en="consciousness", loinc="80288-4"),
    # What a band has counted since it began anew, mostly at midnight; the most that anybody walked in a day is 200,000.
    Quantity.STEPS: QuantityInfo(unit="{steps}", low=0, high=300_000, zh="步数", en="steps", loinc="55423-8"),
    Quantity.BATTERY: QuantityInfo(unit="%", low=0, high=100, zh="电量", en="battery", mdc=67996),
    Quantity.BATTERY_VOLTAGE: QuantityInfo(unit="V", low=0.5, high=60, zh="电池电压", en="battery voltage"),
    Quantity.BATTERY_LOW: QuantityInfo(unit="1", low=0, high=1, zh="电量低", en="battery low"),
    Quantity.SIGNAL_STRENGTH: QuantityInfo(unit="dB[mW]", low=-127, high=20, zh="信号强度", en="signal strength"),
    Quantity.SOS: QuantityInfo(unit="1", low=1, high=1, zh="紧急呼叫", en="SOS", event=True, life_safety=True),
    Quantity.CANCEL: QuantityInfo(unit="1", low=1, high=1, zh="取消", en="cancel", event=True, life_safety=True),
    Quantity.FALL: QuantityInfo(unit="1", low=0, high=1, zh="跌倒", en="fall", life_safety=True),
    Quantity.PRESENCE: QuantityInfo(unit="1", low=0, high=1, zh="有人", en="presence"),
    Quantity.MOTION: QuantityInfo(unit="1", low=0, high=2, zh="活动", en="motion"),
    Quantity.BODY_MOVEMENT: QuantityInfo(unit="%", low=0, high=100, zh="体动", en="body movement"),
    # What the body feels, 1 g at rest; sensors that people wear measure up to 16 g on each axis (28 g in all).
    Quantity.ACCELERATION: QuantityInfo(unit="[g]", low=0, high=56, zh="加速度", en="acceleration", is_stream=True),
    Quantity.BED: QuantityInfo(unit="1", low=0, high=1, zh="在床", en="in bed"),
    Quantity.DISTANCE: QuantityInfo(unit="m", low=0, high=30, zh="距离", en="distance"),
    Quantity.DOOR: QuantityInfo(unit="1", low=0, high=1, zh="门开", en="door open"),
    Quantity.TAMPER: QuantityInfo(unit="1", low=0, high=1, zh="防拆", en="tamper"),
    Quantity.BUTTON: QuantityInfo(unit="1", low=1, high=255, zh="按键", en="button", event=True),
    Quantity.MEDICATION: QuantityInfo(unit="1", low=1, high=1, zh="服药", en="medication taken", event=True),
    Quantity.VIBRATION: QuantityInfo(unit="1", low=0, high=1, zh="振动", en="vibration"),
    Quantity.SMOKE: QuantityInfo(unit="1", low=0, high=1, zh="烟雾", en="smoke", life_safety=True),
    Quantity.CARBON_MONOXIDE_ALARM: QuantityInfo(
        unit="1", low=0, high=1, zh="一氧化碳报警", en="carbon monoxide alarm", life_safety=True
    ),
    Quantity.GAS_ALARM: QuantityInfo(unit="1", low=0, high=1, zh="燃气报警", en="gas alarm", life_safety=True),
    # Detectors for homes alarm at 5 to 20 % of the lower explosive limit (EN 50194-1, GB 15322.2).
    Quantity.GAS_CONCENTRATION: QuantityInfo(unit="%{LEL}", low=0, high=100, zh="燃气浓度", en="gas concentration"),
    Quantity.HEAT_ALARM: QuantityInfo(unit="1", low=0, high=1, zh="高温报警", en="heat alarm", life_safety=True),
    Quantity.LEAK: QuantityInfo(unit="1", low=0, high=1, zh="漏水", en="water leak"),
    # See rules.modes: 0 at home, 1 away, 2 in hospital, 3 visitors are there.
    Quantity.MODE: QuantityInfo(unit="1", low=0, high=3, zh="居家状态", en="mode of the home"),
    Quantity.PROBLEM: QuantityInfo(unit="1", low=0, high=1, zh="设备故障", en="device problem"),
    Quantity.MAINS_LOST: QuantityInfo(unit="1", low=0, high=1, zh="市电中断", en="mains lost"),
    Quantity.QUEUE_AGE: QuantityInfo(unit="s", low=0, high=100_000_000, zh="待发最久", en="oldest message waiting"),
    Quantity.DISK_USED: QuantityInfo(unit="%", low=0, high=100, zh="存储已用", en="disk used"),
    Quantity.CLOCK_ERROR: QuantityInfo(unit="s", low=0, high=10_000_000_000, zh="时钟误差", en="clock error"),
    # Of the gateway's own box; a sensor's mains, battery and lid have quantities of their own.
    Quantity.STARTS: QuantityInfo(unit="/d", low=0, high=100_000, zh="网关启动次数", en="starts of the box"),
    Quantity.MEMORY_FREE: QuantityInfo(unit="%", low=0, high=100, zh="可用内存", en="free memory"),
    Quantity.CARD_WEAR: QuantityInfo(unit="%", low=0, high=110, zh="存储磨损", en="wear of the card"),
    Quantity.BOX_TEMPERATURE: QuantityInfo(unit="Cel", low=-40, high=150, zh="网关温度", en="temperature of the box"),
    Quantity.UNDER_VOLTAGE: QuantityInfo(unit="1", low=0, high=1, zh="网关供电不足", en="supply voltage too low"),
    Quantity.POWER_CUT: QuantityInfo(unit="1", low=0, high=1, zh="网关停电", en="power cut at the box"),
    Quantity.BACKUP_BATTERY: QuantityInfo(unit="%", low=0, high=100, zh="备用电池", en="back-up battery"),
    Quantity.SWITCH: QuantityInfo(unit="1", low=0, high=1, zh="开关", en="switched on"),
    Quantity.CUT_OFF: QuantityInfo(unit="1", low=0, high=1, zh="已切断", en="cut off"),
    Quantity.POWER: QuantityInfo(unit="W", low=-25_000, high=25_000, zh="功率", en="power"),
    Quantity.ENERGY: QuantityInfo(unit="kW.h", low=0, high=10_000_000, zh="电能", en="energy"),
    # Sensors of room and freezer; freezers are read too, ovens are not.
    Quantity.TEMPERATURE: QuantityInfo(unit="Cel", low=-45, high=130, zh="温度", en="temperature", loinc="60832-3"),
    Quantity.HUMIDITY: QuantityInfo(unit="%", low=0, high=100, zh="湿度", en="humidity"),
    Quantity.AIR_PRESSURE: QuantityInfo(unit="hPa", low=300, high=1155, zh="气压", en="air pressure"),
    Quantity.ILLUMINANCE: QuantityInfo(unit="lx", low=0, high=200_000, zh="照度", en="illuminance"),
    Quantity.CO2: QuantityInfo(unit="[ppm]", low=200, high=40_000, zh="二氧化碳", en="CO2"),
    Quantity.CARBON_MONOXIDE: QuantityInfo(unit="[ppm]", low=0, high=10_000, zh="一氧化碳", en="CO"),
    Quantity.PM1: QuantityInfo(unit="ug/m3", low=0, high=6000, zh="PM1", en="PM1"),
    Quantity.PM2_5: QuantityInfo(unit="ug/m3", low=0, high=6000, zh="PM2.5", en="PM2.5"),
    Quantity.PM4: QuantityInfo(unit="ug/m3", low=0, high=6000, zh="PM4", en="PM4"),
    Quantity.PM10: QuantityInfo(unit="ug/m3", low=0, high=6000, zh="PM10", en="PM10"),
    Quantity.VOC_INDEX: QuantityInfo(unit="{index}", low=0, high=500, zh="挥发物指数", en="VOC index"),
    Quantity.NOX_INDEX: QuantityInfo(unit="{index}", low=0, high=500, zh="氮氧化物指数", en="NOx index"),
}
