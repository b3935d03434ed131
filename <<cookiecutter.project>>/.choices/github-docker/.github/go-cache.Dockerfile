# What Go has compiled and downloaded, between the cache mounts of ../Dockerfile and a file that
# actions/cache keeps: GitHub's machines are new each time, and their builders with them.
ARG GO_VERSION=<< cookiecutter.go_version >>
FROM golang:${GO_VERSION}-<< cookiecutter.builder | replace("debian", "bookworm") >> AS fill
RUN --mount=type=bind,target=/kept \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    [ ! -f /kept/go.tar ] || tar -xf /kept/go.tar -C /

FROM golang:${GO_VERSION}-<< cookiecutter.builder | replace("debian", "bookworm") >> AS pack
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    tar -cf /go.tar -C / go/pkg/mod root/.cache/go-build

FROM scratch AS keep
COPY --from=pack /go.tar /
