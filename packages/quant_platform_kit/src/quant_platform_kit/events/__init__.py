"""Events on a Kafka-compatible bus: envelope, schemas, topics, and the two loops of a stage (extra ``events``)."""
