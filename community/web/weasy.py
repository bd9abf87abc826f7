"""The one place that knows the library which makes PDF: HTML in, bytes out. It asks the network for nothing.

It is a program of its own, because the library holds the interpreter for seconds:
`python -m community.web.weasy STATIC` reads the page from its input and writes the PDF to its output.
STATIC: the address of the console's own assets.
"""

import mimetypes
import os
import sys
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from community.web import assets
from shouwang.errors import GiveUp, ShouwangError

BASE = "http://paper.invalid/"
"""What addresses on the page are relative to: of no network (RFC 2606)."""
LACKING = 3
"""Exit status: something is missing on this server; what, stands in the last line of its complaints."""
_NICE = 5
"""Behind the server, whose alarms come first; with 10 a busy machine never finishes a page in its time."""


class Unprintable(ShouwangError):
    """This server cannot make a PDF; the message says what is missing, for the technician."""


def fetched(url: str, *, static: str) -> tuple[bytes, str]:
    """A file of the console's own assets, with its media type. Raises GiveUp for anything else."""
    folder = assets.folder().resolve()
    path = (folder / unquote(urlsplit(url).path.removeprefix(f"{static}/"))).resolve()
    is_ours = url.startswith(f"{BASE.rstrip('/')}{static}/") and path.is_relative_to(folder) and path.is_file()
    if not is_ours:
        raise GiveUp(f"a page on paper may not ask for {url[:200]}")
    return path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def rendered(html: str, fetch: Callable[[str], tuple[bytes, str]]) -> bytes:
    """The page as PDF. Blocking. `fetch` gives what the page names, and its media type, or raises.

    Raises Unprintable where a library or a font is missing.
    """
    try:
        import weasyprint  # type: ignore[import-untyped]  # noqa: PLC0415 - no types; half a second, and Pango may lack
        from weasyprint import urls  # noqa: PLC0415 - the same
    except (ImportError, OSError) as error:  # OSError: Pango is not installed
        raise Unprintable(f"weasyprint or one of its system libraries (Pango): {error}") from error

    class Ours(urls.URLFetcher):  # type: ignore[misc]  # its base has no types
        def fetch(self, url: str, headers: object = None) -> object:  # noqa: ARG002 - the library's call
            body, kind = fetch(url)
            return urls.URLFetcherResponse(url, body, {"content-type": kind})

    document = weasyprint.HTML(string=html, base_url=BASE, url_fetcher=Ours()).render()
    pdf: bytes = document.write_pdf()
    missing = {chr(point) for font in document.fonts.values() for point in font.missing if chr(point).isprintable()}
    if missing:
        raise Unprintable(f"fonts with {''.join(sorted(missing))[:20]} (Debian: fonts-noto-cjk)")
    return pdf


def main() -> int:
    """Exit status: 0, or LACKING."""
    os.nice(_NICE)
    static, html = sys.argv[1], sys.stdin.buffer.read().decode()
    try:
        pdf = rendered(html, lambda url: fetched(url, static=static))
    except Unprintable as error:
        sys.stderr.buffer.write(f"\n{' '.join(str(error).split())}".encode())
        return LACKING
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
