"""Orders of an engine on China futures: eight services over RabbitMQ, Redis, PostgreSQL and TqSDK."""
