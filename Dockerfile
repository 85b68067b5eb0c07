# The image of one Ringback process; docs/deploy.md says how to run it.
#
#   docker build --tag ringback:0.1.0 .
#   docker build --tag ringback:0.1.0 --build-arg EXTRAS=otel .     with traces
#
# `ringback serve` is process 1: it handles SIGTERM itself, and it waits for the one child that it has. So there is no
# init in between.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
ARG EXTRAS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY requirements.txt requirements-dev.txt ./
# The pins come first: a change of our own source alone doesn't install them again. Wheels only: there is no compiler.
RUN python -m venv /opt/ringback \
    && /opt/ringback/bin/pip install --only-binary :all: --requirement requirements.txt \
    && pip install --only-binary :all: --constraint requirements-dev.txt hatchling
COPY pyproject.toml README.md LICENSE ./
COPY src src
# requirements-dev.txt pins what the extras need.
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && wheel="$(echo /wheels/ringback-*.whl)" \
    && /opt/ringback/bin/pip install --only-binary :all: --constraint requirements.txt \
        --constraint requirements-dev.txt "${wheel}${EXTRAS:+[${EXTRAS}]}" \
    && /opt/ringback/bin/ringback version \
    && /opt/ringback/bin/pip uninstall --yes pip

FROM python:${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="Ringback" \
    org.opencontainers.image.description="Sends webhooks: signed, retried, in order if wanted, logged." \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# A number and not a name, so that Kubernetes sees that it isn't root. The data directory is its own from the start:
# a new volume takes owner and mode from it.
RUN groupadd --gid 10001 ringback \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/ringback --shell /usr/sbin/nologin ringback \
    && install --directory --owner ringback --group ringback --mode 0700 /var/lib/ringback
COPY --from=build /opt/ringback /opt/ringback
ENV PATH=/opt/ringback/bin:${PATH} \
    RINGBACK_HOST=0.0.0.0 \
    RINGBACK_PORT=8080 \
    RINGBACK_DATA=/var/lib/ringback \
    RINGBACK_LOG_FORMAT=json
# A ringback.toml that is mounted here is read.
WORKDIR /etc/ringback
USER 10001:10001
VOLUME ["/var/lib/ringback"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# Of a process that lives: whether it can accept events is /readyz, which a balancer asks. Every role answers.
HEALTHCHECK --interval=10s --timeout=6s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import http.client, os; at = http.client.HTTPConnection('127.0.0.1', int(os.environ['RINGBACK_PORT']), timeout=5); at.request('GET', '/healthz'); raise SystemExit(at.getresponse().status != 200)"]
ENTRYPOINT ["ringback"]
CMD ["serve"]
