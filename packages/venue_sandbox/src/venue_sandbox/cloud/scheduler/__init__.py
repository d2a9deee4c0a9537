"""Cloud Scheduler as its REST API and the targets of its jobs see it: jobs, retries, duplicates, identity tokens.

Run it with ``python -m venue_sandbox.cloud.scheduler``. The operations that faults can hit are ``create``, ``get``,
``list``, ``patch``, ``delete``, ``pause``, ``resume``, ``run``, ``certs`` and ``token``.
"""
