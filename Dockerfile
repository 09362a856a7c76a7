# redraft serve without PyTorch: docker build -t redraft . && docker run --rm -p 8000:8000 -e REDRAFT_TOKEN=... redraft
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir '.[serve,onnx]'

FROM python:3.13-slim
RUN useradd --system --no-create-home redraft
COPY --from=build /venv /venv
USER redraft
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["redraft", "serve", "--host", "0.0.0.0", "--port", "8000", "--no-open"]
