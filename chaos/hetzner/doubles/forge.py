"""The forge: its own command, its API, and the repositories that git pushes to."""

from __future__ import annotations

import json
import os
import re

from .world import ENVIRONMENT, End, found, option, sha256, wrote

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to load than most calls take
    from collections.abc import Callable

    from .world import World


def command(world: World, inner: list[str], given: str) -> None:
    """Run the forge's own command."""
    users = world["users"]
    if inner[1:4] == ["admin", "user", "list"]:
        lines = [f"{place}   {name}   {each['mail']}\n" for place, (name, each) in enumerate(users.items(), 1)]
        raise End(0, "ID   Username   Email\n" + "".join(lines))
    if inner[1:4] == ["admin", "user", "create"]:
        name = option(inner, "--username")
        if name in users:
            raise End(1, "", "user already exists\n")
        users[name] = {
            "mail": option(inner, "--email"),
            "admin": "--admin" in inner,
            "password": "random",
            "tokens": {},
        }
        wrote(world, "create user")
        raise End(0, "generated random password is 'random'\n")
    if inner[1:4] == ["admin", "user", "generate-access-token"]:
        tokens, name = users[option(inner, "--username")]["tokens"], option(inner, "--token-name")
        if name in tokens:
            raise End(1, "", "access token name has been used already\n")
        tokens[name] = sha256(name)[:40]
        wrote(world, "create token")
        raise End(0, tokens[name] + "\n")
    if inner[1:4] == ["forgejo-cli", "actions", "register"]:
        if not re.fullmatch("[0-9a-f]{40}", given):
            raise End(1, "", "the secret must be an hexadecimal string of 40 characters\n")
        if world["runners"].get(given[:16]) != option(inner, "--scope"):
            world["runners"][given[:16]] = option(inner, "--scope")
            wrote(world, "register runner")
        raise End(0, "uuid\n")
    raise End(1, "", f"unknown: {inner}\n")


def api(world: World, method: str, path: str, given: str) -> tuple[int, object]:
    """Return the status and the answer of the forge's API."""
    settings = dict(re.findall(r'^(\w+) = "(.*)"$', given, re.MULTILINE))
    body = json.loads(settings["data"].replace('\\"', '"').replace("\\\\", "\\")) if "data" in settings else {}
    user, _, password = settings.get("user", "").replace('\\"', '"').replace("\\\\", "\\").partition(":")
    token = re.search(r"Authorization: token (\w+)", given)
    users = world["users"]
    own = users.get(user, {})
    by_password = bool(own) and own["password"] == password
    by_token = token is not None and any(token[1] in each["tokens"].values() for each in users.values())
    if not (by_password or by_token):
        return 401, {"message": "user does not exist"}
    if (method, path) == ("GET", "/user"):
        return 200, {"login": user, "is_admin": own["admin"]}
    if method == "PATCH" and path.startswith("/admin/users/"):
        users[path.rpartition("/")[2]]["password"] = body["password"]
        wrote(world, "set password")
        return 200, {}
    if path == f"/users/{user}/tokens":
        return 200, [{"name": name} for name in own["tokens"]]
    if method == "DELETE" and path.startswith(f"/users/{user}/tokens/"):
        wrote(world, "delete token")
        return (204, {}) if own["tokens"].pop(path.rpartition("/")[2], None) else (404, {})
    if (method, path) == ("POST", "/user/repos"):
        if f"{user}/{body['name']}" in world["repositories"]:
            return 409, {"message": "The repository with the same name already exists."}
        world["repositories"].append(f"{user}/{body['name']}")
        wrote(world, "create repository")
        return 201, {}
    if method == "GET" and path.startswith("/repos/"):
        return (200, {}) if path[len("/repos/") :] in world["repositories"] else (404, {})
    return 404, {}


def git(world: World, words: list[str], given: str, inside: Callable[[], None]) -> None:
    """Push to the forge, and look what it has."""
    if not ENVIRONMENT.get("GIT_SSL_CAINFO"):
        world["violations"].append("git asks without our authority")
    place = found(r"/([^/]+/[^/]+)\.git", " ".join(words))[1]
    if place not in world["repositories"]:
        raise End(128, "", "repository not found\n")
    if "ls-remote" in words:
        tip = world["branches"].get(place)
        raise End(0, f"{tip}\trefs/heads/main\n" if tip else "")
    with os.popen(f"{ENVIRONMENT['REAL_GIT']} rev-parse HEAD") as head:
        world["branches"][place] = head.read().strip()
    wrote(world, "push main")
