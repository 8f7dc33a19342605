# Without arguments: the whole demo, with a private Redis and SQLite. See compose.yaml.
# One process: python -m shop, python -m shop.worker or python -m subscriber_app.
FROM python:3.11-slim
WORKDIR /hookshop
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY hookshop ./hookshop
COPY shop ./shop
COPY subscriber_app ./subscriber_app
COPY templates ./templates
COPY static ./static
COPY docs ./docs
RUN install --directory --owner nobody --mode 700 /var/lib/hookshop
USER nobody
ENV HOOKSHOP_VAR=/var/lib/hookshop PYTHONUNBUFFERED=1
VOLUME /var/lib/hookshop
EXPOSE 8000 8001
CMD ["python", "-m", "hookshop.demo"]
