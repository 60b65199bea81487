"""A real Chromium, pages opened in it, and what can be asked of them."""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESK, PHONE = (1280, 900), (360, 740)


def chromium() -> str:
    """Where the browser is; a test that needs it fails without it, and says what to install."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, "These tests drive a real browser. Install it: apt-get install chromium fonts-liberation"
    return found


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, every request that it made and everything that it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def opened(
    browser: Browser, path: Path, *, size: tuple[int, int] = DESK, script: bool = True, is_dark: bool = False
) -> Iterator[Opened]:
    """The page at this path; no request but for that file gets through."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=script,
        device_scale_factor=1,
        color_scheme="dark" if is_dark else "light",
    )
    page = context.new_page()
    seen = Opened(page)

    def pass_files(route: Route) -> None:
        seen.requests.append(route.request.url)
        if route.request.url == path.as_uri():
            route.continue_()
        else:
            route.abort()

    page.route("**/*", pass_files)
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.goto(path.as_uri())
    yield seen
    context.close()


def grey(png: bytes) -> NDArray[np.float64]:
    """The brightness of each pixel, 0 to 1, of an 8-bit PNG as browsers write it."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8
    raw = np.frombuffer(zlib.decompress(_image_data(png)), np.uint8).reshape(height, 1 + width * channels)
    rows = np.zeros((height, width * channels), np.uint8)
    above = np.zeros(width * channels, np.uint8)
    for y in range(height):
        rows[y] = above = _unfiltered(int(raw[y, 0]), raw[y, 1:], above, channels)
    return np.asarray(rows.reshape(height, width, channels)[:, :, :3].mean(axis=2) / 255.0)


def _image_data(png: bytes) -> bytes:
    parts, at = [], 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        if name == b"IDAT":
            parts.append(png[at + 8 : at + 8 + length])
        at += length + 12
    return b"".join(parts)


def _unfiltered(kind: int, line: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    done = [0] * len(line)
    for i, value in enumerate(line.tolist()):
        left = done[i - step] if i >= step else 0
        up = int(above[i])
        corner = int(above[i - step]) if i >= step else 0
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        done[i] = (value + guess) % 256
    return np.array(done, np.uint8)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
