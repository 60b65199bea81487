"""Clusters as JSON, rows and sentences."""

from collections.abc import Iterator
from typing import Any

from becalm.render import number_format
from becalm.sustain.core.clusters import MOST_YEARS, Cluster, Clusters, first_day_of

CLUSTER_COLUMNS = (
    "easting_m", "northing_m", "radius_m", "first_day", "last_day", "observed", "expected", "once_in_years",
)  # fmt: skip


def clusters_object(clusters: Clusters) -> dict[str, Any]:
    """The clusters with everything that they were searched in."""
    return {
        "offence_groups": list(clusters.target),
        "source": clusters.source,
        "as_of": str(clusters.as_of),
        "until": str(clusters.until),
        "history_weeks": clusters.history_weeks,
        "incidents": clusters.incidents,
        "overdispersion": round(clusters.overdispersion, 4),
        "cell_m": clusters.cell_m,
        "radius_m": clusters.radius_m,
        "weeks": clusters.weeks,
        "seed": clusters.seed,
        "clusters": list(cluster_rows(clusters)),
    }


def cluster_rows(clusters: Clusters) -> Iterator[dict[str, object]]:
    """One row for each circle, the rarest first."""
    for cluster in clusters.clusters:
        yield {
            "easting_m": round(cluster.easting_m),
            "northing_m": round(cluster.northing_m),
            "radius_m": round(cluster.radius_m),
            "first_day": str(first_day_of(cluster, clusters.until)),
            "last_day": str(clusters.until),
            "observed": cluster.observed,
            "expected": round(cluster.expected, 2),
            "once_in_years": round(cluster.years, 2),
        }


def cluster_sentences(clusters: Clusters) -> Iterator[str]:
    """What was searched, and what stands out."""
    place_count = len(clusters.clusters)
    yield (
        f"{number_format.whole(clusters.incidents)} incidents up to {clusters.until}; circles up to "
        f"{clusters.radius_m:g} m over the last 1 to {clusters.weeks} weeks, against "
        f"{clusters.history_weeks} weeks before."
    )
    if not place_count:
        yield "No cluster stands out: nothing that chance would not bring more often than was asked for."
    for cluster in clusters.clusters:
        yield cluster_sentence(cluster)
    if place_count:
        yield "A cluster says where to look. It does not say why, or who."
    if clusters.omitted:
        yield f"{number_format.whole(clusters.omitted)} records without a day or a place are left out."


def cluster_sentence(cluster: Cluster) -> str:
    """One circle in a sentence."""
    rarity = "in over 1,000 years" if cluster.years >= MOST_YEARS else _years_words(cluster.years)
    weeks = "the last week" if cluster.weeks == 1 else f"the last {cluster.weeks} weeks"
    return (
        f"Around ({cluster.easting_m:.0f}, {cluster.northing_m:.0f}), {cluster.radius_m:.0f} m: "
        f"{cluster.observed} in {weeks} where {cluster.expected:.1f} were expected. "
        f"Chance brings one like it once {rarity}."
    )


def _years_words(years: float) -> str:
    if years >= 1.5:
        return f"in {years:.0f} years"
    return "a year" if years >= 0.75 else f"in {max(round(years * 12), 1)} months"
