# syntax=docker/dockerfile:1
# The image of the gateway: Node, one bundled program, no shell. docker build -t sluice . ; several platforms: docker buildx build --platform linux/amd64,linux/arm64 .
# What it holds and how to run it: docs/image.md. Releases pin both images, as --build-arg BASE_DIGEST=@sha256:…
ARG BUILD_DIGEST=
ARG BASE_DIGEST=

# Everything that is the same for all platforms is made once, on the platform of the builder.
FROM --platform=$BUILDPLATFORM docker.io/library/node:24-trixie-slim${BUILD_DIGEST} AS bundle
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY LICENSE ./
COPY config ./config
COPY test/tools/bundle.ts ./test/tools/bundle.ts
COPY src ./src
# The package.json tells Node that these are modules, and scanners what they are.
RUN node test/tools/bundle.ts /out/sluice \
  && sed -i '1s|.*|#!/nodejs/bin/node|' /out/sluice/sluice.js \
  && mkdir -p /out/sluice/bin /out/queue \
  && ln -s ../sluice.js /out/sluice/bin/sluice \
  && node -p 'const { name, version, license } = require("./package.json"); JSON.stringify({ name, version, license, type: "module" })' > /out/sluice/package.json \
  && cp -r LICENSE config /out/sluice/

# Two binaries for the platform of the image: that of koffi, for Unix datagram sockets, and tini, the first process, which reaps what others leave
# behind. npm holds the one to the digest in our lock file, which is cut down to it; apt knows the signature of the other.
FROM --platform=$BUILDPLATFORM docker.io/library/node:24-trixie-slim${BUILD_DIGEST} AS native
ARG TARGETARCH=amd64
WORKDIR /src
COPY .npmrc ./
COPY package-lock.json ./whole.json
RUN --mount=type=cache,target=/root/.npm case "$TARGETARCH" in amd64) cpu=x64 ;; *) cpu=$TARGETARCH ;; esac \
  && package="@koromix/koffi-linux-$cpu" \
  && node -e 'const [name] = process.argv.slice(1); \
    const { version, integrity } = require("./whole.json").packages["node_modules/" + name]; \
    const dependencies = { [name]: version }; \
    const write = (file, content) => fs.writeFileSync(file, JSON.stringify(content)); \
    write("package.json", { dependencies }); \
    write("package-lock.json", { lockfileVersion: 3, packages: { "": { dependencies }, ["node_modules/" + name]: { version, integrity } } })' "$package" \
  && npm ci --ignore-scripts --os=linux --libc=glibc --cpu="$cpu" \
  && mkdir -p "/out/node_modules/$package" && cd "node_modules/$package" \
  && cp -r package.json index.js "linux_$cpu" "/out/node_modules/$package/"
WORKDIR /tini
RUN dpkg --add-architecture "$TARGETARCH" && apt-get update && apt-get download "tini:$TARGETARCH" \
  && dpkg -x tini_*.deb . && mkdir -p /out/bin && cp usr/bin/tini /out/bin/tini && cp usr/share/doc/tini/copyright /out/bin/tini.LICENSE.txt

# What V8 makes of the program is kept beside it: a sixth less CPU time for a start. The gateway starts once, and stops with its empty input. Node looks
# for it under the number of the user, so that user makes it, and lets him alone read it; afterwards it is root's.
FROM gcr.io/distroless/nodejs24-debian13:nonroot${BASE_DIGEST} AS compiled
COPY --from=bundle --chown=65532:65532 /out/sluice /sluice
COPY --from=native --chown=65532:65532 /out /sluice
ENV NODE_COMPILE_CACHE=/sluice/.cache
USER 65532:65532
RUN ["/nodejs/bin/node", "/sluice/sluice.js", "run", "--stdin", "--config", "/sluice/config/sidecar.yaml"]
RUN ["/nodejs/bin/node", "-e", "for (const file of fs.globSync('/sluice/.cache/*/*')) fs.chmodSync(file, 0o444)"]

FROM gcr.io/distroless/nodejs24-debian13:nonroot${BASE_DIGEST}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="sluice" \
  org.opencontainers.image.description="A telemetry gateway for GPU workers" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.source="https://github.com/sluice-telemetry/sluice" \
  org.opencontainers.image.documentation="https://github.com/sluice-telemetry/sluice/blob/main/docs/image.md" \
  org.opencontainers.image.vendor="Sluice" \
  org.opencontainers.image.base.name="gcr.io/distroless/nodejs24-debian13:nonroot" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION" \
  org.opencontainers.image.created="$CREATED"
# Owned by root: the gateway cannot change itself, on a root that may be written to either.
COPY --from=compiled --chown=0:0 /sluice /sluice
# A volume that is mounted here takes over the owner.
COPY --from=bundle --chown=65532:65532 /out/queue /var/lib/sluice
# malloc as docs/footprint.md has it. nvidia-smi is in /usr/bin or /usr/local/nvidia/bin, where the container runtime brings it.
ENV PATH=/sluice/bin:/nodejs/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/nvidia/bin \
  NODE_COMPILE_CACHE=/sluice/.cache \
  MALLOC_ARENA_MAX=2 \
  MALLOC_MMAP_THRESHOLD_=131072
USER 65532:65532
WORKDIR /var/lib/sluice
EXPOSE 4317 4318 9464 9465
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/nodejs/bin/node", "/sluice/sluice.js", "health"]
# -s: tini reaps also where it is not the first process, with the pod's or the host's process namespace.
ENTRYPOINT ["/sluice/bin/tini", "-s", "--", "/nodejs/bin/node", "/sluice/sluice.js"]
CMD ["run"]
