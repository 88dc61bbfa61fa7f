# One image for every process of docs/operations.md; compose.yaml says which command each runs.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 VAR=/var/lib/triad
WORKDIR /srv/triad

COPY requirements.txt .
RUN pip install -r requirements.txt

COPY . .
RUN useradd --system --home-dir "$VAR" triad \
    && mkdir -p "$VAR/media" \
    && TRIAD_ENV=development SECRET_KEY=build DATABASE_URL=postgres://build REDIS_URL=redis://build \
        STATIC_ROOT=/srv/static python manage.py collectstatic --noinput \
    && chown -R triad "$VAR"
ENV STATIC_ROOT=/srv/static
USER triad
EXPOSE 8000
CMD ["uvicorn", "config.asgi:application", "--http", "config.http:ProblemProtocol", "--host", "0.0.0.0", "--port", "8000", "--no-server-header"]
