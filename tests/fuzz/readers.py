"""Feed mutated files to every reader of bytes that others made.

    python -m tests.fuzz.readers --bytes 10000000 [--only NAME] [--seed N]

Every input follows from the seed and its number alone. For each reader it reports how many inputs and changed
bytes it was given, how many it refused, its slowest input and the peak of memory that Python allocated. An
exception that is no refusal of the reader's own, an input that takes over two seconds and one that allocates
over 64 MiB are failures, named by the input's number; `--show NUMBER` writes that input to standard output.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fuzz.mutations import mutate
from tests.fuzz.registry import targets
from tests.fuzz.targets import Target

_SLOW = 2.0
_MEMORY = 64 * 1024 * 1024
_MEASURED = 50


@dataclass(kw_only=True)
class Tally:
    """What one reader went through.

    Attributes:
        inputs: How many it was given.
        changed: Bytes that were altered, put in or taken out.
        refused: Inputs that it refused with an error of its own.
        slowest: Seconds of the slowest input.
        slowest_at: That input's number.
        peak: The most bytes that Python allocated during one of the inputs that were measured.
        failures: The numbers of the inputs that broke it, with what happened.
    """

    inputs: int = 0
    changed: int = 0
    refused: int = 0
    slowest: float = 0.0
    slowest_at: int = 0
    peak: int = 0
    failures: list[str] = field(default_factory=list)


def make_input(target: Target, seeds: Sequence[bytes], seed: int, number: int) -> tuple[bytes, int]:
    """The input of a number, and how many of its bytes were changed."""
    # Randomness for inputs, not for secrets.
    source = random.Random(f"{target.name}/{seed}/{number}")  # noqa: S311
    return mutate(seeds[number % len(seeds)], seeds, source)


def fuzz(target: Target, amount: int, seed: int = 0) -> Tally:
    """Mutate until `amount` bytes were changed; every 50th input is measured for memory."""
    seeds, tally = target.seeds(), Tally()
    while tally.changed < amount:
        number = tally.inputs
        data, changed = make_input(target, seeds, seed, number)
        tally.inputs += 1
        tally.changed += changed
        _feed(target, data, number, tally)
    return tally


def _feed(target: Target, data: bytes, number: int, tally: Tally) -> None:
    measured = number % _MEASURED == 0
    if measured:
        tracemalloc.start()
    started = time.process_time()
    try:
        target.read(data)
    except target.refusals:
        tally.refused += 1
    except Exception as error:  # noqa: BLE001 -- what is looked for
        tally.failures.append(f"{target.name} {number}: {type(error).__name__}: {error}")
    seconds = time.process_time() - started
    if measured:
        tally.peak = max(tally.peak, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    elif seconds > tally.slowest:
        tally.slowest, tally.slowest_at = seconds, number
    if seconds > _SLOW:
        tally.failures.append(f"{target.name} {number}: took {seconds:.1f} s")
    if measured and tally.peak > _MEMORY:
        tally.failures.append(f"{target.name} {number}: allocated {tally.peak} bytes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.readers")
    parser.add_argument("--bytes", type=int, default=1_000_000, help="bytes to change, for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], help="a reader's name; may be repeated")
    parser.add_argument("--show", type=int, help="write this input of the one reader to standard output")
    options = parser.parse_args(arguments)
    chosen = [target for target in targets() if not options.only or target.name in options.only]
    if options.show is not None:
        sys.stdout.buffer.write(make_input(chosen[0], chosen[0].seeds(), options.seed, options.show)[0])
        return 0
    failures = []
    for target in chosen:
        tally = fuzz(target, options.bytes, options.seed)
        failures += tally.failures
        sys.stdout.write(
            f"{target.name:<12} {tally.inputs:>8} inputs {tally.changed:>10} bytes changed"
            f" {tally.refused:>8} refused  slowest {tally.slowest * 1000:8.2f} ms (input {tally.slowest_at})"
            f"  peak {tally.peak / 1024:8.0f} KiB  {len(tally.failures)} failures\n"
        )
        sys.stdout.flush()
    sys.stdout.write("".join(f"{failure}\n" for failure in failures[:50]))
    return 1 if failures or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
