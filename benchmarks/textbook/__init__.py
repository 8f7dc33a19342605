"""A textbook program for the same task, as a baseline: shop, worker and subscriber.

It follows the documentation of Litestar, SQLModel and arq: each order is one transaction and one
job, and each job makes one request. Both sides sign and verify with the library of Standard
Webhooks. It stores order, line, delivery and attempt, receipt and purchase. It lacks the features
that cost Hookshop time:

- An order whose job is lost (Redis is down or restarts) is never delivered.
- A job that runs twice sends twice: there is no lease.
- One slow receiver blocks all jobs of a worker: there are no limits and no circuit breaker.
- It sends to any address, and reads responses of any size.
- There is no log and there are no live pages.
- There is one receiver, set at the start, without registration, rotation or bearer tokens.
"""
