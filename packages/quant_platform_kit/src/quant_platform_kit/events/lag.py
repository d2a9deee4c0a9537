"""How many messages of its partitions a consumer has not seen yet."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from quant_platform_kit.events.bus import Place

__all__ = ["Lag"]

ASK_SECONDS = 1.0


class Lag:
    """Measures the lag of a consumer from what it has fetched already; only where a partition begins, it asks."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._begins: dict[Place, int] = {}

    def measure(self, seen: Mapping[Place, int | None]) -> dict[Place, int]:
        """Return the lag by partition, given the offset after the last message that was seen, None for no message.

        Partitions of which nothing is known yet are left out.
        """
        found: dict[Place, int] = {}
        for place, offset in seen.items():
            low, high = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True) or (-1, -1)
            if high >= 0 and (begin := self._begin(place, low) if offset is None else offset) is not None:
                found[place] = max(0, high - begin)
        return found

    def forget(self, place: Place) -> None:
        """Forget a partition that went."""
        self._begins.pop(place, None)

    def _begin(self, place: Place, low: int) -> int | None:
        if place not in self._begins:
            try:
                (committed,) = self._consumer.committed([TopicPartition(*place)], timeout=ASK_SECONDS)
            except KafkaException:
                return None
            self._begins[place] = committed.offset if committed.offset >= 0 else max(0, low)
        return self._begins[place]
