# One image for web, workers, beat, upkeep and migrate; docker-compose.yml says what each of them runs.
FROM python:3.11-slim AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /build
COPY requirements.txt ./
RUN /opt/venv/bin/pip install --require-hashes -r requirements.txt

FROM python:3.11-slim
# Nothing is written beside the code: bytecode is made below, and matplotlib's cache goes to the only writable place.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp
# A new volume takes its owner from the folder it is laid over.
RUN useradd --no-create-home --uid 10001 pact && install --directory --owner pact /releases \
    && install --directory --owner pact --mode 700 /backups
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY LICENSE manage.py pyproject.toml ./
COPY analysis analysis
COPY pact_site pact_site
COPY static static
COPY survey survey
COPY templates templates
RUN SECRET_KEY=only-for-collectstatic python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q .
USER 10001
