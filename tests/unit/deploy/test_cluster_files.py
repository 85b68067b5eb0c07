"""The files for Patroni, HAProxy and Kubernetes: as far as reading goes."""

import re

import yaml

from support.deployment import DEPLOY, check_command, yaml_of

PODS = [
    document
    for document in yaml.safe_load_all((DEPLOY / "kubernetes" / "ringback.yaml").read_text(encoding="utf-8"))
    if document["kind"] in ("Deployment", "Job")
]


def test_patroni_promotes_only_a_standby_that_commits_waited_for() -> None:
    patroni = yaml_of(DEPLOY / "patroni" / "patroni.yml")
    shared = patroni["bootstrap"]["dcs"]
    assert shared["synchronous_mode"] is True
    assert shared["synchronous_mode_strict"] is True
    assert shared["loop_wait"] + 2 * shared["retry_timeout"] <= shared["ttl"], "Patroni's own rule"
    assert len(patroni["etcd3"]["hosts"]) == 3
    assert patroni["postgresql"]["connect_address"] == f"{patroni['name']}.example.com:5432"


def test_patronis_and_haproxys_hosts_are_the_same() -> None:
    haproxy = (DEPLOY / "patroni" / "haproxy.cfg").read_text(encoding="utf-8")
    servers = dict(re.findall(r"^ +server (\w+) (\S+) check port 8008$", haproxy, re.MULTILINE))
    assert servers == {"db1": "db1.example.com:5432", "db2": "db2.example.com:5432"}
    patroni = yaml_of(DEPLOY / "patroni" / "patroni.yml")
    hosts = {host.partition(":")[0] for host in patroni["etcd3"]["hosts"]}
    assert {server.partition(":")[0] for server in servers.values()} <= hosts
    assert "option httpchk GET /primary" in haproxy


def test_pods_run_commands_of_ours_with_the_time_that_a_stop_takes() -> None:
    commands = []
    for document in PODS:
        pod = document["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        commands.append(check_command(container["args"]))
        assert pod["securityContext"]["runAsNonRoot"] is True
        if document["kind"] == "Deployment":
            assert pod["terminationGracePeriodSeconds"] >= 45
            assert document["spec"]["selector"]["matchLabels"] == document["spec"]["template"]["metadata"]["labels"]
    assert sorted(commands) == ["migrate", "serve", "serve"]


def test_only_what_accepts_is_asked_whether_it_is_ready() -> None:
    for document in PODS:
        (container,) = document["spec"]["template"]["spec"]["containers"]
        ready = container.get("readinessProbe", {}).get("httpGet", {}).get("path")
        assert ready == ("/readyz" if container["args"] == ["serve", "--role", "api"] else None)
        if container["args"][0] == "serve":
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert container["livenessProbe"]["timeoutSeconds"] >= 5
