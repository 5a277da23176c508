# docker build -t inklings .                                               with CUDA, for GPUs
# docker build -t inklings:cpu --build-arg TORCH_INDEX=ADDRESS .           see docs/install.md
# docker run --rm --user "$(id -u)" -v "$PWD:/work" inklings demo --out demo
FROM python:3.12-slim AS build
ARG TORCH_INDEX=
COPY . /src
RUN TORCH_INDEX="$TORCH_INDEX" sh /src/docker/install.sh /opt/inklings

FROM python:3.12-slim
COPY --from=build /opt/inklings /opt/inklings
RUN useradd --create-home --uid 1000 inklings && mkdir /work && chown inklings /work
ENV PATH=/opt/inklings/bin:$PATH MPLCONFIGDIR=/tmp/matplotlib
USER inklings
WORKDIR /work
ENTRYPOINT ["inklings"]
CMD ["--help"]
