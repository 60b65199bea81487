"""axe, as its Python package carries it, and what it cannot decide measured by ourselves."""

from __future__ import annotations

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRASTS = Path(__file__).with_name("contrasts.js").read_text("utf-8")
LEAST_CONTRAST = 4.5


def faults(page: Page) -> list[str]:
    """Violations and undecided contrasts, each with its place; texts of pictures are measured.

    axe takes the picture itself for an image behind its texts, and decides about none of them.
    """
    response = Axe().run(page, options={"runOnly": TAGS}).response
    undecided = [rule for rule in response["incomplete"] if rule["id"] == "color-contrast"]
    found = [
        f"{rule['id']}: {node['target']} {node.get('failureSummary', '')[:150]}"
        for rule in (*response["violations"], *undecided)
        for node in rule["nodes"]
        if rule not in undecided or not node["html"].startswith("<text")
    ]
    pale = [entry for entry in page.evaluate(CONTRASTS) if entry["ratio"] < LEAST_CONTRAST]
    return [*found, *(f"pale: {entry}" for entry in pale)]
