"""Which accounts a service runs on: a group of the configuration, or the one account behind the login."""

from __future__ import annotations

import json
from typing import cast

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["accounts_of"]


def accounts_of(group: str, configuration: str) -> tuple[str, ...]:
    """Return the account ids of a group, in the order of the configuration; none without a group.

    Parameters
    ----------
    configuration
        JSON: group name -> list of account ids.

    Raises
    ------
    InvalidInput
        The configuration cannot be read, or has no such group; ids are not shown.
    """
    if not group:
        return ()
    try:
        document = json.loads(configuration or "null")
    except ValueError as error:
        raise InvalidInput(f"IB_ACCOUNT_GROUP_CONFIG is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvalidInput('IB_ACCOUNT_GROUP_CONFIG is no JSON object; write it as {"growth": ["ACCOUNT"]}')
    groups = cast("dict[str, object]", document)
    if group not in groups:
        raise InvalidInput(
            f"ACCOUNT_GROUP is {group!r}; the configuration has {', '.join(sorted(groups)) or 'no group'}"
        )
    listed = groups[group]
    ids = cast("list[object]", listed) if isinstance(listed, list) else []
    names = tuple(name for name in ids if isinstance(name, str) and name)
    if not names or len(set(names)) < len(ids):
        raise InvalidInput(f"ACCOUNT_GROUP {group}: its accounts are a list of different account ids, and not empty")
    return names
