"""Prints the tables that are asked for, or all."""

import asyncio
import platform
import sys

from tests.bench import (
    access,
    deaths,
    dispatch,
    economy,
    fanout,
    fleet,
    freshness,
    hostile,
    lost,
    throughput,
    webhooks,
)

TABLES = {
    "access": access.run,
    "dispatch": dispatch.run,
    "throughput": throughput.run,
    "economy": economy.run,
    "deaths": deaths.run,
    "fanout": fanout.run,
    "fleet": fleet.run,
    "freshness": freshness.run,
    "hostile": hostile.run,
    "lost": lost.run,
    "webhooks": webhooks.run,
}


async def main(names: list[str]) -> None:
    """Runs one table after the other."""
    wanted = names or list(TABLES)
    unknown = [name for name in wanted if name not in TABLES]
    if unknown:
        raise SystemExit(f"no benchmark {unknown[0]}; there are {', '.join(TABLES)}")
    sys.stdout.write(f"{platform.platform()}, Python {platform.python_version()}\n")
    for name in wanted:
        lines = await TABLES[name]()
        sys.stdout.write(f"\n{name}\n" + "\n".join(lines) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
