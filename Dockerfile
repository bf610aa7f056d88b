# Both programs in one small image, and the example programs in another:
#
#   docker build -t signet:local .
#   docker build -t signet-examples:local --target examples .
#
# The same base system builds and runs, so that the libraries are the ones that the tests ran with.
FROM debian:12 AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src
# The packages first: they change less often than the sources.
COPY scripts/setup.sh scripts/setup.sh
RUN . scripts/setup.sh && signet_setup build
COPY . .
RUN . scripts/setup.sh && signet_build release signet-server signet-agent mtls_server mtls_client \
    && strip build/release/ca/cmd/signet-server build/release/workload-api/cmd/signet-agent \
       build/release/examples/mtls/mtls_server build/release/examples/mtls/mtls_client

FROM debian:12-slim AS runtime
# libcurl is loaded when Kubernetes is first asked; everything else is linked.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
       libcurl4 libgrpc++1.51 libnghttp2-14 libprotobuf32 libspdlog1.10 libsqlite3-0 libssl3 libyaml-cpp0.7 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin signet

FROM runtime AS examples
COPY --from=build /src/build/release/examples/mtls/mtls_server /usr/local/bin/
COPY --from=build /src/build/release/examples/mtls/mtls_client /usr/local/bin/
USER 10001:10001

# The last stage is what `docker build` makes without --target. The agent's manifest asks for root by itself.
FROM runtime AS signet
COPY --from=build /src/build/release/ca/cmd/signet-server /usr/local/bin/
COPY --from=build /src/build/release/workload-api/cmd/signet-agent /usr/local/bin/
USER 10001:10001
EXPOSE 8081
CMD ["signet-server", "--help"]
