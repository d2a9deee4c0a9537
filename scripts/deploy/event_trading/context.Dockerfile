# The context of event-trading's image, where there is no uv: BuildKit makes it of a commit's files and hands it out.
#
#   buildctl build --frontend dockerfile.v0 --local context=TREE --local dockerfile=scripts/deploy/event_trading \
#       --opt filename=context.Dockerfile --output type=local,dest=FOLDER
#
# Base image and uv are those of apps/Dockerfile.template; a test compares them.

FROM python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS made

RUN printf '%s' 'uv==0.13.8 --hash=sha256:e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984' \
        ' --hash=sha256:0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d' > /tmp/uv.txt \
    && pip install --no-cache-dir --require-hashes --requirement /tmp/uv.txt
COPY . /tree
RUN /tree/scripts/deploy/event_trading/context.sh /tree /context

FROM scratch
COPY --from=made /context /
