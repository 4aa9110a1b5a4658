# The program is static, so that the image holds it, the certificates by which it
# knows Microsoft, and nothing else.
FROM golang:1.26 AS builder

WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

ARG VERSION=devel
ARG REVISION=unknown
ARG BRANCH=unknown
ENV CGO_ENABLED=0
RUN go build -trimpath -o /image/azure_csp_exporter \
        -ldflags "-s -w \
            -X github.com/prometheus/common/version.Version=${VERSION} \
            -X github.com/prometheus/common/version.Revision=${REVISION} \
            -X github.com/prometheus/common/version.Branch=${BRANCH}" .
# The demo keeps its simulated credentials in /tmp.
RUN install -d -m 1777 /image/tmp \
    && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && install -D -m 0644 -t /image/licences LICENSE NOTICE

FROM scratch

ARG VERSION=devel
ARG REVISION=unknown
LABEL org.opencontainers.image.title="azure_csp_exporter" \
      org.opencontainers.image.description="Exposes what the customers of an Azure CSP partner spend as Prometheus metrics" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/azure-csp-exporter/azure_csp_exporter" \
      org.opencontainers.image.documentation="https://github.com/azure-csp-exporter/azure_csp_exporter/tree/main/docs" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=builder /image/ /

# The folder of the refresh token has to be writable for this user.
USER 65534:65534
EXPOSE 10058
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/azure_csp_exporter", "healthcheck"]
ENTRYPOINT ["/azure_csp_exporter"]
