"""Secret Manager as its REST API shows it: secrets, their versions, and what becomes of them.

Run it with ``python -m venue_sandbox.cloud.secrets``. The operations that faults can hit are ``create``, ``get``,
``list``, ``delete``, ``add``, ``access``, ``version``, ``versions``, ``enable``, ``disable`` and ``destroy``.
"""
