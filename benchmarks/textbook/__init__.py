"""A textbook program for the same task, to compare ours with: shop, worker and subscriber.

It is written as the manuals of Litestar, SQLModel and arq suggest: each order is one transaction
and one job, each job makes one request. Both sides sign and verify with the library of Standard
Webhooks. It stores order, line, delivery and attempt, receipt and purchase. It lacks what Hookshop
spends its time on:

- An order whose job is lost (Redis is down or restarts) is never delivered.
- A job that runs twice sends twice: there is no lease.
- One slow receiver takes all of a worker's jobs: there are no limits and no circuit breaker.
- It sends to any address, and reads an answer of any size.
- Nobody sees what happens: no log, no live pages.
- One receiver, set when it starts; no registration, no new secret, no bearer token.
"""
