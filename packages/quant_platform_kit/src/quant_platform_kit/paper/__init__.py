"""The paper broker: a durable account that fills at quotes, its venue as a process, and its platform."""
