"""With which words the fields of home.yaml say no, in both languages: what is wrong, and what to write instead."""

from shouwang.bilingual import Bilingual

NO_GATEWAY_NAME = (
    '"{written}" cannot name a gateway; use letters, digits, "-" and "_", no points',
    "“{written}”不能作网关的编号；请用字母、数字、“-”和“_”，不要点",
)
NO_ZONE = (
    '"{written}" is no time zone that this box knows; write e.g. Asia/Shanghai',
    "本机不认识时区“{written}”；请写例如 Asia/Shanghai",
)
NOT_IN_THE_URL = Bilingual(
    'holds a user or password; write "username: ..." and "password_file: ..." instead',
    zh="里面有用户名或密码；请另写 username: ... 和 password_file: ...",
)
GUEST_IS_TAKEN = (
    '"{guest}" stands for people whom the home does not name; choose another id',
    "“{guest}”专指这个家没有登记的人；请换一个编号",
)
METERED_NEEDS_5 = Bilingual(
    'metered needs version "5"; with "3.1.1" nothing can be packed',
    zh='metered 需要 version: "5"；用 "3.1.1" 无法压缩',
)
ONE_WITHOUT_THE_OTHER = Bilingual(
    "cert_file and key_file belong together; give both or neither",
    zh="cert_file 和 key_file 要一起写；要么都写，要么都不写",
)
NOT_ENCRYPTED = Bilingual(
    "certificates are for mqtts:// only; change url, or take them out",
    zh="只有 mqtts:// 才用证书；请改 url，或删去证书",
)
