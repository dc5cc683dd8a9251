# syntax=docker/dockerfile:1
# One image per service: docker build -f deploy/images/service.Dockerfile --build-arg NAME=watcher -t shale/watcher .
# The command line: --build-arg NAME=shale-cli --build-arg DISTRIBUTION='shale-cli[embedded]' --target command
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS tools
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /src
COPY requirements-uv.txt ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements-uv.txt
COPY deploy/images deploy/images

FROM tools AS wheels
COPY libs libs
COPY services services
RUN sh deploy/images/install.sh wheels /wheels

FROM tools AS build
ARG NAME
RUN sh deploy/images/install.sh pins "${NAME}" /opt/shale
ARG DISTRIBUTION=shale-${NAME}
COPY --from=wheels /wheels /wheels
RUN sh deploy/images/install.sh ours "${DISTRIBUTION}" /opt/shale /wheels

FROM ${PYTHON_IMAGE} AS base
COPY --from=build /opt/shale /opt/shale
ENV PATH=/opt/shale/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 65532:65532

# The `shale` command.
FROM base AS command
ENTRYPOINT ["shale"]

# What `tilt up` runs: the sources come before what is installed, and may be changed where they lie.
FROM base AS live
ARG NAME
USER 0:0
RUN echo "import sys, glob; sys.path[:0] = sorted(glob.glob('/src/*/*'))" \
    >"$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/live.pth"
USER 65532:65532
COPY --chown=65532:65532 libs /src/libs
COPY --chown=65532:65532 services/${NAME} /src/services/${NAME}
ENTRYPOINT ["python", "-P", "-m", "shale.runtime"]

FROM base AS release
ENTRYPOINT ["python", "-P", "-m", "shale.runtime"]
