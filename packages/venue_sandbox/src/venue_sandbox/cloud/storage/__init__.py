"""Cloud Storage as its JSON API shows it: buckets, objects, generations and preconditions.

Run it with ``python -m venue_sandbox.cloud.storage``. The operations that faults can hit are ``create_bucket``,
``bucket`` (get), ``buckets`` (list), ``update_bucket``, ``get_policy`` and ``set_policy`` of a bucket; ``insert``,
``resume`` (a chunk of a resumable upload), ``get`` (metadata), ``media``, ``list`` and ``delete`` of objects.
"""
