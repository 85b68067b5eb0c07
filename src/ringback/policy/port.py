"""Which ports a receiver may listen on: 443, and from 1024 on those where no internal service usually listens.

Applies to everything the operator didn't open (`--allow-private`, `--allow CIDR:PORT`). The denied ports are those of
databases, queues, caches, control planes and remote consoles, with those that browsers refuse (fetch.spec.whatwg.org).
"""

from typing import Final

DENIED_PORTS: Final = frozenset(
    {
        1080,  # SOCKS
        1433,  # SQL Server
        1434,
        1521,  # Oracle
        1719,  # H.323
        1720,
        1723,  # PPTP
        1883,  # MQTT
        2049,  # NFS
        2181,  # ZooKeeper
        2375,  # Docker
        2376,
        2379,  # etcd
        2380,
        3128,  # Squid
        3306,  # MySQL
        3389,  # RDP
        3659,  # Apple SASL
        4045,  # NFS lock
        4190,  # ManageSieve
        4369,  # Erlang port mapper
        5060,  # SIP
        5061,
        5432,  # PostgreSQL
        5671,  # AMQP
        5672,
        5900,  # VNC
        5984,  # CouchDB
        5985,  # WinRM
        5986,
        6000,  # X11
        6379,  # Redis
        6380,
        6432,  # PgBouncer
        6443,  # Kubernetes
        6566,  # SANE
        6665,  # IRC
        6666,
        6667,
        6668,
        6669,
        6679,
        6697,
        8500,  # Consul
        9042,  # Cassandra
        9092,  # Kafka
        9200,  # Elasticsearch
        9300,
        10080,  # Amanda
        10250,  # kubelet
        10255,
        11211,  # memcached
        15672,  # RabbitMQ
        26257,  # CockroachDB
        27017,  # MongoDB
        27018,
        27019,
        50070,  # Hadoop
    }
)


def port_refusal(port: int, scheme: str) -> str | None:
    """Why this port is not spoken to, in a sentence; None when it is. `scheme` decides about port 80."""
    if port == 443 or (port == 80 and scheme == "http"):
        return None
    if port < 1024:
        return f"Port {port} is not allowed: use 443, or one from 1024 on."
    if port in DENIED_PORTS:
        return f"Port {port} is not allowed: services other than web servers usually listen there."
    return None
