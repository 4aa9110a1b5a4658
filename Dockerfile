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
            -X github.com/prometheus/common/version.Branch=${BRANCH}" . \
    && go build -trimpath -ldflags "-s -w" -o /image/healthprobe ./internal/healthprobe
# The demo keeps its simulated credentials in /tmp.
RUN install -d -m 1777 /image/tmp \
    && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && install -D -m 0644 -t /image/licences LICENSE NOTICE

FROM scratch

LABEL org.opencontainers.image.title="azure_csp_exporter" \
      org.opencontainers.image.description="Exposes what the customers of an Azure CSP partner spend as Prometheus metrics" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=builder /image/ /

# The folder of the refresh token has to be writable for this user.
USER 65534:65534
EXPOSE 10058
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s CMD ["/healthprobe"]
ENTRYPOINT ["/azure_csp_exporter"]
