#!/usr/bin/env python3
"""Read an archive of events with PySpark on this machine, and print how many events each topic has.

PySpark is in no lock file: it is installed into an environment of its own, ``.cache/spark``, at the version below, the
first time this runs. It needs Java 17. The exit status is 1 where an offset is there twice, or where a topic has
another number of events than the manifests of its files say.

Usage
-----
``python scripts/check_spark.py ARCHIVE``; without an archive, one of invented events is made and read.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from checkout import ROOT

PYSPARK = "pyspark==4.0.1"
PLACE = ROOT / ".cache" / "spark"
INSTALL_SECONDS, READ_SECONDS = 600, 300
READ = """
import json, sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import count, countDistinct, struct

spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.session.timeZone", "UTC")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
files = spark.read.option("basePath", sys.argv[1]).parquet(sys.argv[1] + "/topic=*")
rows = files.groupBy("topic").agg(
    count("*").alias("events"), countDistinct(struct("partition", "offset")).alias("offsets")
)
print("FOUND " + json.dumps({row["topic"]: [row["events"], row["offsets"]] for row in rows.collect()}))
"""


def main() -> int:
    """Read an archive; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", nargs="?", type=Path, help="a folder")
    given: Path | None = parser.parse_args().archive
    if shutil.which("java") is None:
        print("check_spark: there is no java here; install JDK 17: apt-get install openjdk-17-jre-headless")
        return 1
    try:
        python = installed()
        with tempfile.TemporaryDirectory(prefix="quant-spark-") as name:
            return compared(python, given or invented(Path(name)))
    except (subprocess.SubprocessError, OSError) as error:
        print(f"check_spark: {error}")
        return 1


def installed() -> Path:
    """Return the program of an environment that has PySpark."""
    python, done = PLACE / "bin" / "python", PLACE / PYSPARK
    if not done.exists():
        shutil.rmtree(PLACE, ignore_errors=True)
        venv.create(PLACE, with_pip=True)
        words = [str(python), "-m", "pip", "install", "--quiet", PYSPARK]
        subprocess.run(words, check=True, timeout=INSTALL_SECONDS)
        done.touch()
    return python


def compared(python: Path, archive: Path) -> int:
    """Print what PySpark finds of each topic, beside what manifests say; return 1 where they differ."""
    words = [str(python), "-c", READ, str(archive.resolve())]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=READ_SECONDS, check=False)
    lines = [line.removeprefix("FOUND ") for line in ended.stdout.splitlines() if line.startswith("FOUND ")]
    if ended.returncode or not lines:
        print(f"check_spark: PySpark failed: {ended.stderr.strip()[-500:]}")
        return 1
    found: dict[str, tuple[int, int]] = {
        topic: (counts[0], counts[1]) for topic, counts in json.loads(lines[0]).items()
    }
    said = manifests(archive)
    wrong = 0
    for topic in sorted(found.keys() | said.keys()):
        events, offsets = found.get(topic, (0, 0))
        same = events == offsets == said[topic]
        wrong += not same
        print(f"{events:9}  {topic}{'' if same else f'  WRONG: {offsets} offsets, manifests say {said[topic]}'}")
    return 1 if wrong else 0


def manifests(archive: Path) -> Counter[str]:
    """Return how many events the manifests say that each topic has."""
    counts = Counter[str]()
    for file in archive.glob("manifests/*/*/*"):
        if file.is_file():
            counts[file.parent.parent.name] += int(json.loads(file.read_bytes())["rows"])
    return counts


def invented(folder: Path) -> Path:
    """Return an archive of invented events, written as the archiver writes them."""
    from event_trading_app.archive.files import Row
    from event_trading_app.archive.writing import Files
    from event_trading_app.names import NEAR_INTENTS, Topic
    from quant_platform_kit.adapters.plain_folder import PlainFolder
    from quant_platform_kit.events.bus import Received
    from quant_platform_kit.events.envelope import Event, encode

    files = Files(PlainFolder(folder))
    for topic in Topic:
        for first in range(0, 300, 100):
            at = datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(hours=first // 100)
            events = [
                Event(f"{topic.value}-{number}", topic.value, NEAR_INTENTS, at, at, 1, {"amount": str(2**100)}, "{}")
                for number in range(first, first + 100)
            ]
            rows = [
                Row.of(Received(topic.value, 0, first + each, None, encode(event))) for each, event in enumerate(events)
            ]
            files.write(rows)
    return folder


if __name__ == "__main__":
    sys.exit(main())
