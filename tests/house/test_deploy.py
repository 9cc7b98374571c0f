"""The image and the compose file, judged by their own rules: no engine runs here."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.pages import ROOT

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
FOREIGN = {"redis", "prometheus", "grafana"}
OURS = [name for name in COMPOSE["services"] if name not in FOREIGN]


def test_the_compose_file_meets_the_specifications_schema() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    command = [str(tool), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_services_are_those_that_the_product_has() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"rest", "mcp", "worker", "simulator", *FOREIGN}
    assert services["worker"]["deploy"]["replicas"] == 2
    profiles = {name: one["profiles"] for name, one in services.items() if "profiles" in one}
    assert profiles == {
        "simulator": ["simulator"],
        "prometheus": ["dashboards"],
        "grafana": ["dashboards"],
    }
    assert {name: services[name]["command"] for name in OURS} == {name: [name] for name in OURS}


@pytest.mark.parametrize("name", OURS)
def test_a_process_can_do_no_more_than_it_must(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "user", "cap_add", "devices", "pid", "ipc"}
    assert service.get("network_mode") is None
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - in the container
    assert int(service["stop_grace_period"].removesuffix("s")) > 30


@pytest.mark.parametrize("name", ["rest", "mcp"])
def test_other_containers_are_answered_by_a_services_name(name: str) -> None:
    hosts = COMPOSE["services"][name]["environment"]["RINGOUT_ALLOWED_HOSTS"]
    assert hosts == f"{name}${{RINGOUT_ALLOWED_HOSTS:+,}}${{RINGOUT_ALLOWED_HOSTS:-}}"


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_what_listens_has_a_health_check(name: str) -> None:
    assert COMPOSE["services"][name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ["rest", "mcp", "worker", "grafana"])
def test_what_needs_redis_waits_for_it(name: str) -> None:
    waits = COMPOSE["services"][name]["depends_on"]
    assert waits["redis"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", ["rest", "mcp", "prometheus", "grafana"])
def test_a_port_is_published_on_loopback_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"][name]["ports"])


def test_redis_keeps_what_it_is_given() -> None:
    service = COMPOSE["services"]["redis"]
    assert re.fullmatch(r"redis:\d+\.\d+[a-z0-9.-]*", service["image"])
    assert "redis:/data" in service["volumes"]
    lines = (ROOT / "deploy/redis/redis.conf").read_text(encoding="utf-8").splitlines()
    assert {"appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"} <= set(lines)


def test_the_image_is_pinned_and_runs_as_nobody_in_particular() -> None:
    instructions = re.findall(r"^([A-Z]+) (.*)$", DOCKERFILE, re.MULTILINE)
    stages = [value for name, value in instructions if name == "FROM"]
    assert all(re.match(r"python:3\.1[123]\.\d+-slim-[a-z]+\b", stage) for stage in stages)
    assert len(stages) == 2
    assert "ADD" not in {name for name, _ in instructions}
    users = [value for name, value in instructions if name == "USER"]
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    assert instructions.index(("USER", users[-1])) > instructions.index(("FROM", stages[-1]))
    assert ("HEALTHCHECK", "NONE") in instructions
    assert 'ENTRYPOINT ["ringout"]' in DOCKERFILE
    assert "PYTHONDONTWRITEBYTECODE=1" in DOCKERFILE
    assert "VOLUME" not in {name for name, _ in instructions}


def test_the_image_is_built_from_the_lock() -> None:
    assert "--require-hashes -r /src/requirements.lock" in DOCKERFILE
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert all((ROOT / source).exists() for source in sources)
    assert all(re.search(rf"^!{source}/?$", allowed, re.MULTILINE) for source in sources)
