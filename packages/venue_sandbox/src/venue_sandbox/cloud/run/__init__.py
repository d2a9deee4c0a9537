"""Cloud Run as its REST APIs and the callers of its services see it: services, revisions that really run, operations.

Run it with ``python -m venue_sandbox.cloud.run --builder venv:FOLDER``. The operations that faults can hit are
``create``, ``get``, ``list``, ``patch``, ``put`` (version 1), ``delete``; ``revisions``, ``revision``,
``delete_revision``; ``configurations``, ``configuration``; ``operations``, ``operation``, ``delete_operation``,
``wait``; and ``address``, a request to an address of a service.
"""
