"""Terraform, user-data and shell scripts of a server at Hetzner: their checks find faults, and they agree."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .manifests import ROOT, kind, load, workloads

MODULE = ROOT / "infra" / "terraform" / "hetzner"
TEMPLATE = MODULE / "cloud-init.yaml.tftpl"
RUN = """
import json, sys
sys.path.insert(0, "scripts")
from pathlib import Path
from clusters import {module}
print(json.dumps({expression}))
"""


def asked(module: str, expression: str, *words: str) -> list[str]:
    code = RUN.format(module=module, expression=expression)
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


TERRAFORM: dict[str, tuple[Callable[[Path], None], str]] = {
    "no HCL": (
        replaced("network.tf", "ip_range = local.network\n", "ip_range = local.network {\n"),
        "network.tf: no HCL",
    ),
    "an unused variable": (
        replaced("network.tf", "var.zone", '"eu-central"'),
        "variable zone is declared and not used",
    ),
    "an undeclared one": (replaced("server.tf", "var.image", "var.imgae"), "variable imgae is used and not declared"),
    "the API open to all": (
        replaced(
            "firewall.tf",
            'port        = "6443"\n    source_ips  = var.operators',
            'port        = "6443"\n    source_ips  = ["0.0.0.0/0"]',
        ),
        "hcloud_firewall.cluster is open to everybody (tcp 6443)",
    ),
    "SSH open to all": (
        replaced("firewall.tf", '    protocol    = "icmp"\n', '    protocol    = "tcp"\n    port        = "22"\n'),
        "hcloud_firewall.cluster is open to everybody (tcp 22)",
    ),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the faults of each mutant of the module, and of the module itself."""
    folder = tmp_path_factory.mktemp("modules")
    for place, (change, _) in enumerate(TERRAFORM.values()):
        shutil.copytree(MODULE, folder / str(place))
        change(folder / str(place))
    found = asked(
        "terraform",
        "[terraform.faults(Path(each)) for each in sys.argv[1:]]",
        str(MODULE),
        *(str(folder / str(place)) for place in range(len(TERRAFORM))),
    )
    return dict(zip(("itself", *TERRAFORM), found, strict=True))  # type: ignore[arg-type]


def test_the_module_has_no_fault(broken: dict[str, list[str]]) -> None:
    assert broken["itself"] == []


@pytest.mark.parametrize("name", TERRAFORM)
def test_a_mutant_of_the_module_is_caught(name: str, broken: dict[str, list[str]]) -> None:
    assert any(TERRAFORM[name][1] in line for line in broken[name]), broken[name]


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on this machine")
def test_terraform_finds_the_module_formatted_and_fills_in_the_template_as_the_check_does(tmp_path: Path) -> None:
    formatted = subprocess.run(["terraform", "fmt", "-check", MODULE], capture_output=True, check=False, timeout=60)
    assert formatted.returncode == 0
    names = sorted(set(re.findall(r"\$\{([a-z0-9_]+)\}", TEMPLATE.read_text())))
    values = {name: f"of {name}" for name in names}
    words = f'templatefile("{TEMPLATE}", {json.dumps(values)})'
    done = subprocess.run(
        ["terraform", "console"],
        cwd=tmp_path,
        input=f"base64encode({words})\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    expression = f"user_data.filled(Path({str(TEMPLATE)!r}).read_text(), {values!r})"
    assert base64.b64decode(done.stdout.strip().strip('"')).decode() == asked("user_data", expression)


def test_the_template_has_a_value_for_each_name_and_for_no_other() -> None:
    server = (MODULE / "server.tf").read_text()
    block = server[server.index("templatefile(") :]
    given = set(re.findall(r"^    (\w+) +=", block[: block.index("})")], re.MULTILINE))
    assert given == set(re.findall(r"\$\{([a-z0-9_]+)\}", TEMPLATE.read_text()))


USER_DATA = {
    "misspelt": ("ssh_pwauth: false", "ssh_pwaut: false", "ssh_pwaut"),
    "of another type": ("package_update: true", "package_update: [1]", "package_update"),
    "a file without a path": ("  - path: /etc/nftables.conf\n    content", "  - content", "write_files.7"),
    "no cloud-config": ("#cloud-config\n", "# cloud-config\n", "the first line"),
}


def test_cloud_inits_own_schema_takes_the_user_data_and_finds_each_mutant() -> None:
    if not (ROOT / ".cache" / "servers" / "cloud-init").is_dir():
        pytest.skip("cloud-init's schema was not fetched; make check does where Debian's packages are reachable")
    texts = [TEMPLATE.read_text(), *(TEMPLATE.read_text().replace(old, new) for old, new, _ in USER_DATA.values())]
    assert len(set(texts)) == len(texts)
    each = "user_data.faults('x', user_data.VALUE.sub('eA==', text), user_data.schema(print))"
    expression = f"[{each} for text in json.loads(sys.argv[1])]"
    itself, *mutants = asked("user_data", expression, json.dumps(texts))
    assert itself == []
    for found, (_, _, told) in zip(mutants, USER_DATA.values(), strict=True):
        assert any(told in line for line in found), (told, found)


def test_a_script_with_a_fault_is_found_by_shellcheck(tmp_path: Path) -> None:
    script = tmp_path / "bad.sh"
    script.write_text("#!/usr/bin/env bash\nrm -rf $1/*\n")
    found = asked("shells", "shells.faults([Path(sys.argv[1])])", str(script))
    assert any("SC2086" in line for line in found)


def user_data() -> dict[str, str]:
    """Return the files that cloud-init writes, by their place."""
    text = re.sub(r"\$\{([a-z0-9_]+)\}", r"of_\1", TEMPLATE.read_text())
    return {each["path"]: each["content"] for each in yaml.safe_load(text)["write_files"]}


def test_the_node_reads_the_registry_that_services_are_pulled_from() -> None:
    documents = load("hetzner-single-node")
    (service,) = (each for each in kind(documents, "Service") if each["metadata"]["name"] == "registry")
    mirrors = yaml.safe_load(user_data()["/etc/rancher/k3s/registries.yaml"])["mirrors"]
    ours = next(each.containers[0]["image"] for each in workloads(documents) if each.is_service).partition("/")[0]
    assert mirrors == {ours: {"endpoint": [f"http://127.0.0.1:{service['spec']['ports'][0]['nodePort']}"]}}
    steps = (ROOT / "scripts/hetzner/steps/cluster.sh").read_text()
    assert f"\nrepository={ours}/event_trading\n" in steps


def test_the_firewall_opens_the_api_and_the_forge_and_nothing_else() -> None:
    text = (MODULE / "firewall.tf").read_text()
    (forge,) = (each for each in kind(load("hetzner-single-node"), "Service") if each["metadata"]["name"] == "forgejo")
    assert re.findall(r'^    port +=\s+"(\d+)"', text, re.MULTILINE) == [
        "6443",
        str(forge["spec"]["ports"][0]["nodePort"]),
    ]
    assert f":{forge['spec']['ports'][0]['nodePort']}" in (ROOT / "scripts/hetzner/steps/forge.sh").read_text()


def test_nodes_have_the_addresses_that_policies_name() -> None:
    network = (MODULE / "network.tf").read_text()
    (policy,) = (
        each
        for each in kind(load("hetzner-single-node"), "NetworkPolicy")
        if each["metadata"]["name"] == "runner-to-forgejo-builder-and-api"
    )
    blocks = [peer["ipBlock"]["cidr"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer]
    (subnet,) = re.findall(r'subnet  = "(\S+)"', network)
    assert subnet in blocks


def test_the_volume_has_room_for_every_claim() -> None:
    documents = load("hetzner-single-node")
    claims = [*kind(documents, "PersistentVolumeClaim")]
    claims += [
        claim for each in workloads(documents) for claim in each.document["spec"].get("volumeClaimTemplates", [])
    ]
    total = sum(int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) for claim in claims)
    (least,) = re.findall(r"volume_gb >= (\d+)", (MODULE / "variables.tf").read_text())
    assert total <= int(least) - 10, "the cluster's own state needs some"


def test_state_is_on_the_volume_and_its_folder_is_the_one_that_volumes_are_made_in() -> None:
    config = yaml.safe_load(user_data()["/etc/rancher/k3s/config.yaml"])
    assert config["default-local-storage-path"].startswith("/var/lib/unrip/")
    assert config["data-dir"].startswith("/var/lib/unrip/")
    prepare = user_data()["/usr/local/sbin/event-trading-prepare"]
    assert f"mkdir -p -m 0711 {config['default-local-storage-path']}" in prepare
    assert f"tls={config['data-dir']}/server/tls" in prepare


def test_the_program_of_k3s_is_compared_before_it_can_run(tmp_path: Path) -> None:
    prepare = user_data()["/usr/local/sbin/event-trading-prepare"]
    fetched, compared, moved = (
        prepare.index(words) for words in ("curl ", 'k3s.part" | sha256sum --check', "mv /usr/local/bin/k3s.part")
    )
    assert fetched < compared < moved
    assert "set -eu" in prepare
    script = tmp_path / "prepare.sh"
    script.write_text(prepare)
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0


def test_the_context_in_the_cluster_is_made_by_the_tools_of_the_dockerfiles() -> None:
    template = (ROOT / "apps/Dockerfile.template").read_text()
    context = (ROOT / "scripts/deploy/event_trading/context.Dockerfile").read_text()
    (base,) = set(re.findall(r"^FROM (python\S+)", template, re.MULTILINE))
    assert set(re.findall(r"^FROM (python\S+)", context, re.MULTILINE)) == {base}
    assert re.findall(r"uv==\S+|--hash=\S+", context) == re.findall(r"uv==\S+|--hash=\S+", template)


VALIDATING = {
    "no registry": (
        'case "$*" in *init*) echo "Error: Failed to query available provider packages" >&2; exit 1;; esac',
        77,
        "not validated: the provider could not be fetched",
    ),
    "a fault": (
        'case "$*" in *init*) echo "Error: Unsupported block type" >&2; exit 1;; esac',
        1,
        "Unsupported block type",
    ),
    "not valid": ('case "$*" in *validate*) echo "Error: Missing argument" >&2; exit 1;; esac', 1, "Missing argument"),
    "no plan": ('case "$*" in *plan*) echo "Error: no plan" >&2; exit 1;; esac', 1, "no plan"),
    "good": ("", 0, "validated"),
}


@pytest.mark.parametrize("name", VALIDATING)
def test_validating_says_what_it_could_not_do_and_fails_for_what_is_wrong(name: str, tmp_path: Path) -> None:
    body, status, told = VALIDATING[name]
    (tmp_path / "terraform").write_text(f"#!/bin/sh\n{body}\n")
    (tmp_path / "terraform").chmod(0o755)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        [ROOT / "scripts/hetzner/validate.sh"], env=variables, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stderr
    assert told in done.stdout + done.stderr


def test_without_terraform_nothing_is_validated_and_that_is_said(tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "mktemp", "rm", "cp"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    done = subprocess.run(
        ["bash", ROOT / "scripts/hetzner/validate.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (77, "not validated: terraform is not installed\n")
