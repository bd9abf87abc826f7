"""What operators read of measurements and backups that fail. Pure."""

from shouwang.alert import Sentence
from shouwang.bilingual import chinese

MEASUREMENTS, BACKUP = "measurements-down", "backup-failed"
"""Hazards of the centre's own cases."""


def measurements_down(reason: str) -> Sentence:
    """Alarms go on; only curves stand still."""
    return Sentence(
        zh=f"测量值无法保存（{chinese(reason) or reason}）。报警和工单不受影响；各户会保留测量值，稍后自动补传。"
        f"请检查服务器磁盘。",
        en=f"Measurements cannot be stored ({reason}). Alarms and cases go on; homes keep their measurements and send "
        "them later. Check the server's disk.",
    )


MEASUREMENTS_BACK = Sentence(zh="测量值又可以保存了。", en="Measurements are stored again.")


def backup_failed(reason: str) -> Sentence:
    """Nothing is wrong with the data itself."""
    return Sentence(
        zh=f"每日备份失败（{chinese(reason) or reason}）。旧备份未被改动。请检查备份目录的空间和权限。",
        en=f"The daily backup failed ({reason}). Older backups were not touched. Check the space and the rights of the "
        "backup folder.",
    )


BACKUP_BACK = Sentence(zh="备份又成功了，并已通过恢复演练。", en="The backup works again; it was restored on trial.")
