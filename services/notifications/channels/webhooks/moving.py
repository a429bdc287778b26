"""Webhooks of an organization that moves house: their secrets never leave an installation but sealed.

Where the key they were sealed with is at hand they are sealed anew, and receivers notice nothing. Without it nobody
knows the secret any more: the endpoint gets a new one and waits, paused, until somebody rotates it and resumes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.notifications.channels.webhooks.signing import (
    SealBroken,
    Sealed,
    Sealer,
    belongs_to_endpoint,
    new_secret,
)

PAUSED = {
    "state": "paused",
    "state_reason": "its secret did not move with it: rotate the secret, then resume",
}
NO_SECRET_BEFORE = {
    "secret_before_key_id": None,
    "secret_before_box": None,
    "secret_before_until": None,
}


@dataclass(frozen=True, slots=True)
class Resealing:
    """Opens what was sealed where the export was made, and seals it with the keys of here."""

    former: Sealer
    own: Sealer

    def endpoint(self, org_id: UUID, exported: Mapping[str, Any]) -> dict[str, Any]:
        """The row of an endpoint as it can be kept here."""
        belongs_to = belongs_to_endpoint(org_id, UUID(exported["endpoint_id"]))
        before = self._resealed(exported, "secret_before", belongs_to) or NO_SECRET_BEFORE
        secret = self._resealed(exported, "secret", belongs_to)
        if secret is None:
            new = self.own.seal(new_secret().encode(), belongs_to)
            return {**exported, **PAUSED, **_columns("secret", new), **NO_SECRET_BEFORE}
        return {**exported, **secret, **before}

    def _resealed(self, exported: Mapping[str, Any], name: str, belongs_to: str) -> dict[str, str] | None:
        if exported[f"{name}_box"] is None:
            return None
        box = bytes.fromhex(exported[f"{name}_box"].removeprefix("\\x"))
        try:
            plain = self.former.open(Sealed(exported[f"{name}_key_id"], box), belongs_to)
        except SealBroken:
            return None
        return _columns(name, self.own.seal(plain, belongs_to))


def _columns(name: str, sealed: Sealed) -> dict[str, str]:
    return {f"{name}_key_id": sealed.key_id, f"{name}_box": f"\\x{sealed.box.hex()}"}
