"""Versions of a connection and how two sides agree on one (ICS-03, "Versioning")."""

from collections.abc import Sequence
from dataclasses import dataclass

from ibc.ics03_connection.errors import InvalidConnectionVersion, VersionNegotiationFailed
from ibc.limits import MAX_VERSION_FEATURES


@dataclass(frozen=True, slots=True)
class Version:
    """A version's name and the features it offers."""

    identifier: str
    features: tuple[str, ...]


DEFAULT_VERSION = Version("1", ("ORDER_ORDERED", "ORDER_UNORDERED"))
COMPATIBLE_VERSIONS = (DEFAULT_VERSION,)


def validate_version(version: Version) -> None:
    """Refuse a blank name, a blank feature and more than 100 features."""
    if not version.identifier.strip():
        raise InvalidConnectionVersion("version identifier cannot be blank")
    if len(version.features) > MAX_VERSION_FEATURES:
        raise InvalidConnectionVersion(f"{len(version.features)} features")
    if any(not feature.strip() for feature in version.features):
        raise InvalidConnectionVersion("feature cannot be blank")


def find_supported(version: Version, supported: Sequence[Version]) -> Version | None:
    """Return the supported version of the same name, or None."""
    return next((each for each in supported if each.identifier == version.identifier), None)


def verify_proposed(supported: Version, proposed: Version) -> None:
    """Refuse unless ``proposed`` has the same name and only supported features, at least one."""
    if proposed.identifier != supported.identifier:
        raise VersionNegotiationFailed(f"proposed {proposed.identifier[:40]!r}")
    if not proposed.features:
        raise VersionNegotiationFailed("no features proposed")
    if any(feature not in supported.features for feature in proposed.features):
        raise VersionNegotiationFailed("a proposed feature is not supported")


def is_supported(supported: Sequence[Version], proposed: Version) -> bool:
    """Return whether ``proposed`` is one of the supported versions, with no more features."""
    found = find_supported(proposed, supported)
    if found is None:
        return False
    try:
        verify_proposed(found, proposed)
    except VersionNegotiationFailed:
        return False
    return True


def pick_version(supported: Sequence[Version], counterparty: Sequence[Version]) -> Version:
    """Return the first supported version that the other side has, with the common features.

    Raises:
        VersionNegotiationFailed: There is none.
    """
    for version in supported:
        other = find_supported(version, counterparty)
        if other is not None:
            common = tuple(each for each in version.features if each in other.features)
            if common:
                return Version(version.identifier, common)
    raise VersionNegotiationFailed("no version in common")


def supports_feature(version: Version, feature: str) -> bool:
    """Return whether the version offers the feature."""
    return feature in version.features
