"""The manifests are valid, and agree with the settings, commands, ports and routes that exist."""

from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from service.cli import main
from service.http import probes
from service.metrics import Metrics
from service.settings import Settings, variable

KUBERNETES = Path(__file__).parent.parent.parent / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
KNOWN = {variable(name) for name in Settings.__struct_fields__}
DEFAULTS = Settings(database_url="", redis_url="")
VERSION = "1.31"

Manifest = dict[str, Any]


def manifests(folder: Path) -> list[Manifest]:
    names = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    files = [folder / name for name in names if name.endswith(".yaml")]
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


ALL = manifests(BASE)
WORKLOADS = [each for each in ALL if each["kind"] in ("Deployment", "Job")]
DEPLOYMENTS = [each for each in WORKLOADS if each["kind"] == "Deployment"]


def pod_of(workload: Manifest) -> Manifest:
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def container_of(workload: Manifest) -> Manifest:
    (container,) = pod_of(workload)["containers"]
    known: Manifest = container
    return known


def by_name(workload: Manifest) -> str:
    name: str = workload["metadata"]["name"]
    return name


@pytest.mark.parametrize("manifest", ALL, ids=lambda each: f"{each['kind']}-{by_name(each)}")
def test_every_manifest_is_valid(manifest: Manifest) -> None:
    kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_an_unknown_field_is_noticed() -> None:
    wrong = DEPLOYMENTS[0] | {"spec": DEPLOYMENTS[0]["spec"] | {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("folder", ["base", "keda", "prometheus-operator"])
def test_every_file_belongs_to_its_kustomization(folder: str) -> None:
    listed = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())["resources"]
    files = {file.name for file in (KUBERNETES / folder).glob("*.yaml")} - {"kustomization.yaml"}
    assert files == {name for name in listed if name.endswith(".yaml")}


def test_every_variable_is_a_setting() -> None:
    named = {entry["name"] for each in WORKLOADS for entry in container_of(each).get("env", [])}
    for each in ALL:
        if each["kind"] == "ConfigMap":
            named |= set(each["data"])
    assert named
    assert named <= KNOWN


def test_api_worker_and_migration_run_our_commands() -> None:
    commands = {by_name(each): container_of(each)["args"] for each in WORKLOADS}
    assert commands == {
        "darkroom-api": ["serve"],
        "darkroom-worker": ["worker"],
        "darkroom-migrate": ["migrate"],
    }
    assert {args[0] for args in commands.values()} <= set(main.list_commands(click.Context(main)))


@pytest.mark.parametrize("workload", DEPLOYMENTS, ids=by_name)
def test_what_stops_is_given_longer_than_it_asks_for(workload: Manifest) -> None:
    (settings,) = (each["data"] for each in ALL if each["kind"] == "ConfigMap")
    leave = float(settings["DARKROOM_LEAVE_SECONDS"]) if by_name(workload) == "darkroom-api" else 0
    grace = pod_of(workload)["terminationGracePeriodSeconds"]
    assert grace >= leave + float(settings["DARKROOM_DRAIN_SECONDS"]) + 5


@pytest.mark.parametrize("workload", DEPLOYMENTS, ids=by_name)
def test_probes_ask_routes_that_exist_at_the_port_that_listens(workload: Manifest) -> None:
    container = container_of(workload)
    (port,) = container["ports"]
    assert port["containerPort"] in (DEFAULTS.port, DEFAULTS.metrics_port)
    routes = {route.path for route in probes.routes if hasattr(route, "path")}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        request = container[probe]["httpGet"]
        assert request["port"] == port["name"]
        assert request["path"] in routes


@pytest.mark.parametrize("workload", WORKLOADS, ids=by_name)
def test_nothing_runs_as_root_or_writes_to_its_image(workload: Manifest) -> None:
    pod, container = pod_of(workload), container_of(workload)
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


def test_a_worker_has_a_slot_for_each_core_and_memory_for_each_child() -> None:
    (worker,) = (each for each in DEPLOYMENTS if by_name(each) == "darkroom-worker")
    container = container_of(worker)
    slots = int({entry["name"]: entry["value"] for entry in container["env"]}["DARKROOM_SLOTS"])
    assert slots == int(container["resources"]["limits"]["cpu"])
    assert container["resources"]["limits"]["memory"] == "4Gi"
    assert slots * DEFAULTS.child_memory_bytes <= 4 * 1024**3


@pytest.mark.parametrize("workload", WORKLOADS, ids=by_name)
def test_every_pod_has_a_network_policy_that_closes_both_ways(workload: Manifest) -> None:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    policies = [
        each["spec"]
        for each in ALL
        if each["kind"] == "NetworkPolicy"
        and each["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    ]
    (policy,) = policies
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    named = {port["port"] for rule in policy.get("ingress", []) for port in rule["ports"]}
    assert named == {port["name"] for port in container_of(workload).get("ports", [])}


@pytest.mark.parametrize("workload", DEPLOYMENTS, ids=by_name)
def test_every_deployment_survives_a_drained_node(workload: Manifest) -> None:
    budgets = [each for each in ALL if each["kind"] == "PodDisruptionBudget"]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert any(each["spec"]["selector"]["matchLabels"] == labels for each in budgets)
    assert workload["spec"]["replicas"] >= 2


def test_workers_scale_by_a_metric_that_the_api_has() -> None:
    (scaled,) = manifests(KUBERNETES / "keda")
    (trigger,) = scaled["spec"]["triggers"]
    query = trigger["metadata"]["query"]
    asked_by_an_alert = (KUBERNETES.parent / "prometheus" / "alerts.yml").read_text()
    assert query in asked_by_an_alert  # which was seen to fire, so there is such a series
    name = query.removeprefix("max(").partition("{")[0]
    registry = Metrics(version="1", libvips="8").registry
    assert name in {family.name for family in registry.collect()}
    targets = {by_name(each) for each in DEPLOYMENTS}
    assert scaled["spec"]["scaleTargetRef"]["name"] in targets
