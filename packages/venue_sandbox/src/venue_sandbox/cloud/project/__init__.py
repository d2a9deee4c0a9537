"""What a project of Google Cloud is besides its services: APIs, accounts, roles, repositories, metrics, alerts.

Run it with ``python -m venue_sandbox.cloud.project``. One server stands for Service Usage, IAM, Resource Manager,
Artifact Registry, Logging and Monitoring, whose paths do not meet. The operations that faults can hit are the names of
the routes in its modules, such as ``enable``, ``create_account`` or ``set_project_policy``.
"""
