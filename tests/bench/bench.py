# SPDX-License-Identifier: Apache-2.0
"""How fast, as ratios from one run: the bridge beside a bare libmicrohttpd responder, run in turns under the same load.

    bench.py [--short] [--pairs N] [--grow [N]]

--short: one pair, to test the benchmark itself. --grow: the cost of a delivery at none and after N (a million) stored ones.
Exits with 1 only when the figures mean nothing: errors, lost or doubled deliveries. A missed budget is printed.
README.md says what each figure is. Environment: see world.py; BENCH_DIR is where the store goes.
"""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import follow
import world
from world import PAYLOADS, Bare, Bridge, Broken, Pace, Sandbox

CONNECTIONS = [1, 16, 64, 256]
MAIN = ("13 KB", 64)  # the cell that the budget is about
QUIET = 0.1  # others may use so much of the cores
RATES = [(50, 6), (500, 4)]  # per second, seconds
# what, must, aim, whether more is better
BUDGET = [("intake to ack, of bare", 0.20, 0.30, True), ("the whole way, of bare", 0.15, 0.22, True),
          ("webhook to API at 50/s, of a bare round trip", 5, 5, False),
          ("webhook to API at 500/s, of a bare round trip", 5, 5, False),
          ("RSS idle, MiB", 16, 12, False), ("RSS loaded, MiB", 40, 40, False),
          ("following a thousand messages, core-%", 1, 0.5, False)]
FOLLOW = "enabled: true"  # at the default pace


def median(values):
    return statistics.median(values) if values else float("nan")


def spent(before, after, count):
    """Microseconds of CPU per delivery, by thread."""
    return {name: (after[name] - before.get(name, 0.0)) * 1e6 / max(count, 1) for name in after}


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def check_store(status, acked, connections):
    """Every acknowledged delivery is in the store, once; wrk may leave one a connection without waiting for its answer."""
    stored = sum(status["messages"].values())
    intake = status["intake"]
    if intake["ignored"] or intake["duplicates"] or intake["rejected"] or intake["refused"]:
        raise Broken(f"not all deliveries were kept: {intake}")
    if not acked <= stored <= acked + connections or stored != intake["queued"] or stored != status["deliveries"]:
        raise Broken(f"acknowledged {acked}, stored {stored}: {status}")
    return stored


def batches(status, before=None):
    store, earlier = status["store"], (before or {"store": {"batches": 0, "items": 0}})["store"]
    count = store["batches"] - earlier["batches"]
    return (store["items"] - earlier["items"]) / max(count, 1), store["largest_batch"]


def measure_bare(bare, payload, connections, seconds):
    """The yardstick is not what is tested: a run in which it dropped connections is done again."""
    for attempt in range(3):
        before = bare.cpu()
        try:
            told = world.wrk(bare.port, payload, connections, seconds)
            break
        except Broken as error:
            print(f"# bare, {connections} connections: {error}", flush=True)
            if attempt == 2:
                raise
    told["cpu"] = sum(spent(before, bare.cpu(), told["requests"]).values())
    return told


def measure_intake(sandbox, payload, connections, seconds):
    """Up to the ack and no further: one call is allowed at a time, and that one is not answered."""
    sandbox.reset()
    sandbox.shut()
    with Bridge(sandbox.url, sandbox.key, concurrency=1) as bridge:
        before = bridge.cpu()
        told = world.wrk(bridge.port, payload, connections, seconds)
        told["threads"] = spent(before, bridge.cpu(), told["requests"])
        status = bridge.wait_counted(["queued", "sending"])
        check_store(status, told["requests"], connections)
        told["batch"] = batches(status)
    if sandbox.counts()["messages"] != 0:
        raise Broken("the API took a call that was not to be answered")
    return told


def measure_whole(sandbox, payload, connections, seconds):
    """Until the last message id is committed, however long that takes after the load ended. Nothing is followed."""
    sandbox.reset()
    with Bridge(sandbox.url, sandbox.key) as bridge:
        before, sandbox_before, wrk_before = bridge.cpu(), sandbox.cpu(), children_cpu()
        told = world.wrk(bridge.port, payload, connections, seconds)
        ended = time.monotonic()
        status = bridge.wait_drained()
        total = told["seconds"] + time.monotonic() - ended
        count = status["deliver"]["forwarded"]
        told.update(threads=spent(before, bridge.cpu(), count), rss=bridge.rss_mib(), peak=bridge.rss_mib("VmHWM"),
                    sandbox=sum(spent(sandbox_before, sandbox.cpu(), count).values()), whole=count / total,
                    wrk=(children_cpu() - wrk_before) * 1e6 / told["requests"],
                    drain=total - told["seconds"], batch=batches(status))
        status = bridge.wait_counted(["forwarded"])
        stored = check_store(status, told["requests"], connections)
        bridge.stop()
        if bridge.said():
            raise Broken(f"the bridge had something to say: {bridge.said()[:500]}")
    counts = sandbox.counts()
    if not stored == count == counts["messages"] or counts["duplicates"] or status["messages"]["forwarded"] != stored:
        raise Broken(f"lost or doubled: {told['requests']} acknowledged, {stored} stored, {count} forwarded, {counts}")
    return told


def wait_answered(bridge, count):
    """Until the end of every turn is known; the status has counted that at most a second later."""
    end = time.monotonic() + world.DEADLINE
    while bridge.status()["messages"]["answered"] != count:
        if time.monotonic() > end:
            raise Broken(f"not all of {count} turns were seen to end: {bridge.status()['messages']}")
        time.sleep(0.1)


def measure_followed(sandbox, payload, connections, seconds):
    """The whole way with following on: what it costs while prompts go out, and what until every answer is known."""
    sandbox.reset()
    sandbox.quick(answer="Done.")
    with Bridge(sandbox.url, sandbox.key, follow=FOLLOW) as bridge:
        before = bridge.cpu()
        told = world.wrk(bridge.port, payload, connections, seconds)
        ended = time.monotonic()
        count = bridge.wait_drained()["deliver"]["forwarded"]
        total = told["seconds"] + time.monotonic() - ended
        told.update(whole=count / total, threads=spent(before, bridge.cpu(), count), peak=bridge.rss_mib("VmHWM"))
        wait_answered(bridge, count)
        told.update(answered=time.monotonic() - ended, all=spent(before, bridge.cpu(), count))
        bridge.stop()
        if bridge.said():
            raise Broken(f"the bridge had something to say: {bridge.said()[:500]}")
    counts = sandbox.counts()
    if not told["requests"] <= count == counts["messages"] or counts["duplicates"]:
        raise Broken(f"lost or doubled: {told['requests']} acknowledged, {count} forwarded, {counts}")
    return told


class Cell:
    """One payload at one number of connections: its pairs."""

    def __init__(self, size, connections):
        self.size, self.connections = size, connections
        self.bare, self.intake, self.whole, self.others = [], [], [], []

    def run(self, bare, sandbox, seconds):
        payload, meter = PAYLOADS[self.size], world.Meter(bare, sandbox)
        self.bare.append(measure_bare(bare, payload, self.connections, seconds))
        self.intake.append(measure_intake(sandbox, payload, self.connections, seconds))
        self.whole.append(measure_whole(sandbox, payload, self.connections, seconds))
        self.others.append(meter.others())

    def keep_quietest(self, count):
        """Chosen by what others did, not by what came out."""
        order = sorted(range(len(self.others)), key=lambda i: self.others[i])[:count]
        for name in ("bare", "intake", "whole", "others"):
            setattr(self, name, [getattr(self, name)[i] for i in order])

    def ratio(self, what):
        runs = [run["rate"] for run in self.intake] if what == "intake" else [run["whole"] for run in self.whole]
        return median([rate / bare["rate"] for rate, bare in zip(runs, self.bare)])

    def threads(self, what):
        runs = [run["threads"] for run in getattr(self, what)]
        return {name: median([run.get(name, 0.0) for run in runs]) for name in runs[0]}

    def row(self):
        def pick(runs, key):
            return median([run[key] for run in runs])
        return [self.size, self.connections, f"{pick(self.bare, 'rate'):.0f}", f"{pick(self.bare, 'cpu'):.0f}",
                f"{pick(self.intake, 'rate'):.0f}", f"{self.ratio('intake'):.2f}",
                f"{sum(self.threads('intake').values()):.0f}", f"{pick(self.intake, 'p50_us') / 1e3:.2f}",
                f"{pick(self.intake, 'p99_us') / 1e3:.2f}", f"{median([run['batch'][0] for run in self.intake]):.0f}",
                f"{pick(self.whole, 'whole'):.0f}", f"{self.ratio('whole'):.2f}",
                f"{sum(self.threads('whole').values()):.0f}", f"{pick(self.whole, 'drain'):.2f}",
                f"{median([run['batch'][0] for run in self.whole]):.0f}/{max(run['batch'][1] for run in self.whole)}",
                f"{max(run['peak'] for run in self.whole):.0f}", f"{median(self.others):.0%}"]


HEAD = ["payload", "conns", "bare/s", "us", "to ack/s", "ratio", "us", "p50 ms", "p99 ms", "batch",
        "whole/s", "ratio", "us", "drain s", "batch/max", "MiB", "others"]


def print_table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(value).rjust(width) for value, width in zip(row, widths)), flush=True)


def run_cells(bare, sandbox, plan, pairs, patience):
    """The cell that the budget is about runs twice a round, and longer; its quietest pairs count."""
    cells = [Cell(size, connections) for size, connections in plan]
    for pair in range(pairs):
        for cell in cells:
            main = (cell.size, cell.connections) == MAIN
            for _ in range(2 if main and len(cells) > 1 else 1):
                if main:
                    patience -= world.wait_quiet(min(patience, 10))
                cell.run(bare, sandbox, 2 if main else 1)
        print(f"# round {pair + 1} of {pairs}", flush=True)
    main = main_cell(cells)
    for _ in range(pairs if len(cells) > 1 else 0):
        if sorted(main.others)[:pairs][-1] <= QUIET:
            break
        patience -= world.wait_quiet(min(patience, 10))
        main.run(bare, sandbox, 2)
    main.keep_quietest(pairs)
    return cells


def main_cell(cells):
    return next(cell for cell in cells if (cell.size, cell.connections) == MAIN)


def print_cells(cells):
    print("\nThroughput. us: CPU of that process per delivery. drain: from the end of the load to the last committed message id.\n"
          "others: how much of the cores other programs took meanwhile; they make ratios worse.")
    print_table([HEAD] + [cell.row() for cell in cells])


def print_stages(cell):
    print(f"\nWhere the CPU goes, {cell.size}, {cell.connections} connections, us per delivery:")
    for what, title in (("intake", "intake to ack"), ("whole", "the whole way")):
        threads = {name: used for name, used in cell.threads(what).items() if used >= 0.5}
        parts = ", ".join(f"{name} {used:.1f}" for name, used in sorted(threads.items(), key=lambda item: -item[1]))
        print(f"  {title}: {parts}; {max(threads, key=threads.get)} dominates")
    print(f"  beside it on the same cores: wrk {median([run['wrk'] for run in cell.whole]):.1f}, "
          f"sandbox {median([run['sandbox'] for run in cell.whole]):.1f}")


# ---- following ----

def run_followed(bare, sandbox, pairs):
    """Each beside a bare run and one without following."""
    payload, found = PAYLOADS[MAIN[0]], []
    for _ in range(pairs):
        found.append((measure_bare(bare, payload, MAIN[1], 2), measure_whole(sandbox, payload, MAIN[1], 2),
                      measure_followed(sandbox, payload, MAIN[1], 2)))
    return found


def print_followed(found):
    def of(key, which=2):
        return median([runs[which][key] for runs in found])

    def cpu(key, which=2):
        return median([sum(runs[which][key].values()) for runs in found])
    print(f"\nThe whole way with follow, {MAIN[0]}, {MAIN[1]} connections, and without, as everywhere else. us: per delivery, until it is\n"
          "forwarded, and until its end is known; known: seconds from the end of the load until all ends are")
    table = [["", "whole/s", "of bare", "us", "us to the end", "known", "MiB"]]
    for which, name, to_end in ((1, "without", False), (2, "with follow", True)):
        table.append([name, f"{of('whole', which):.0f}", f"{median([one[which]['whole'] / one[0]['rate'] for one in found]):.2f}",
                      f"{cpu('threads', which):.0f}", f"{cpu('all'):.0f}" if to_end else "",
                      f"{of('answered'):.1f}" if to_end else "", f"{of('peak', which):.0f}"])
    print_table(table)


# ---- latency ----

def run_latency(bare, directory, pairs):
    payload, found = PAYLOADS[MAIN[0]], {}
    with Pace(directory) as pace:
        files = {rate: pace.requests(payload, rate * seconds) for rate, seconds in RATES}
        for _ in range(pairs):
            for rate, _ in RATES:
                found.setdefault((rate, "bare"), []).append(pace.run(bare.port, rate, files[rate], "-"))
                found.setdefault((rate, "sync"), []).append(world.sync_us(directory, 1 / rate)[0])
                with Bridge(pace.url, "nr_bench") as bridge:
                    told = pace.run(bridge.port, rate, files[rate], payload.anchor)
                    bridge.wait_drained()
                    if bridge.said():
                        raise Broken(f"the bridge had something to say: {bridge.said()[:500]}")
                found.setdefault((rate, "bridge"), []).append(told)
    return found


def latency_ratio(found, rate):
    return median([bridge["arrival_p50"] / bare["ack_p50"]
                   for bridge, bare in zip(found[rate, "bridge"], found[rate, "bare"])])


def print_latency(found):
    print("\nLatency, us, from the moment a webhook was due: bare round trip, ack, arrival of the prompt at the API.\n"
          "sync: one fdatasync of 16 KiB at that rate, of which an ack needs at least one")
    rows = [["rate", "bare p50", "p99", "sync", "ack p50", "p99", "API p50", "p99", "max", "API/bare", "API/(bare+sync)"]]
    for rate, _ in RATES:
        bare, bridge, sync = found[rate, "bare"], found[rate, "bridge"], median(found[rate, "sync"])
        api = median([run["arrival_p50"] for run in bridge])
        rows.append([f"{rate}/s"] + [f"{median([run[key] for run in bare]):.0f}" for key in ("ack_p50", "ack_p99")] + [f"{sync:.0f}"] +
                    [f"{median([run[key] for run in bridge]):.0f}"
                     for key in ("ack_p50", "ack_p99", "arrival_p50", "arrival_p99", "arrival_max")] +
                    [f"{latency_ratio(found, rate):.1f}",
                     f"{api / (median([run['ack_p50'] for run in bare]) + sync):.1f}"])
    print_table(rows)


# ---- the rest ----

def idle_rss(sandbox):
    """After the start, with one link and with the links of the benchmark."""
    found = []
    for links in (1, world.PULLS):
        with Bridge(sandbox.url, sandbox.key, links=links, level="info") as bridge:
            found.append(bridge.rss_mib())
    return found


def print_budget(values, others):
    print(f"\nBudget, of {MAIN[0]} and {MAIN[1]} connections; others used {others:.0%} of the cores" +
          (", so the ratios are too low" if others > QUIET else ""))
    for (what, must, aim, more), value in zip(BUDGET, values):
        if value is None:
            continue
        met = value >= must if more else value <= must
        best = value >= aim if more else value <= aim
        sign = ">=" if more else "<="
        verdict = "met" if met and (best or must == aim) else "met, aim missed" if met else "MISSED"
        print(f"  {what}: {value:.2f} (must {sign} {must:g}, aim {sign} {aim:g}): {verdict}")


def describe(directory):
    version = subprocess.run([os.environ["BRIDGE"], "version"], capture_output=True, text=True, check=True).stdout.strip()
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")
    cores, sync = sorted(os.sched_getaffinity(0)), world.sync_us(directory)
    print(f"# {version} beside bare libmicrohttpd, bodies of {', '.join(str(p.size) for p in PAYLOADS.values())} bytes\n"
          f"# {model}; everything shares cores {cores}, no process has one of its own; wrk has one thread\n"
          f"# store in {directory}, one fdatasync of 16 KiB takes {sync[0]:.0f} us (p90 {sync[1]:.0f}); "
          f"log at level warn, to a file; load average {os.getloadavg()[0]:.1f}", flush=True)


def share_two_cores():
    """The ratios are of two cores; on a larger machine load and sandbox would otherwise cost nothing."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 2:
        os.sched_setaffinity(0, cores[:2])


def bench(directory, short, pairs):
    plan = [MAIN] if short else [(size, connections) for size in PAYLOADS for connections in CONNECTIONS]
    with Sandbox() as sandbox, Bare() as bare:
        idle = idle_rss(sandbox)
        cells = run_cells(bare, sandbox, plan, pairs, 5 if short else 45)
        followed = run_followed(bare, sandbox, pairs)
        found = None if short else run_latency(bare, directory, min(pairs, 3))
    following = follow.run(short)
    main = main_cell(cells)
    print_cells(cells)
    print_stages(main)
    print_followed(followed)
    if found is not None:
        print_latency(found)
    print("\n" + follow.title(short))
    print_table(follow.rows(following))
    print(f"\nRSS idle: {idle[0]:.1f} MiB with one link, {idle[1]:.1f} with {world.PULLS}; "
          f"at the end of the load {median([run['rss'] for run in main.whole]):.1f}, "
          f"peak {max(run['peak'] for run in main.whole):.1f}")
    print_budget([main.ratio("intake"), main.ratio("whole")] +
                 [latency_ratio(found, rate) if found is not None else None for rate, _ in RATES] +
                 [idle[0], max(run["peak"] for run in main.whole), follow.worst(following, short)], median(main.others))


def grow(directory, target):
    """The same store throughout; its size and the cost of a delivery, the load being what fills it."""
    payload = PAYLOADS[MAIN[0]]
    rows = [["stored", "whole/s", "us", "committer us", "batch", "MiB", "store MiB"]]
    with Sandbox() as sandbox, Bridge(sandbox.url, sandbox.key, directory=directory) as bridge:
        status, stored, shown, seconds = bridge.status(), 0, 0, 3
        while True:
            before, start = bridge.cpu(), time.monotonic()
            acked = world.wrk(bridge.port, payload, MAIN[1], seconds, first=world.FIRST_ID + 2 * stored)["requests"]
            earlier, status = status, bridge.wait_drained()
            total, count = time.monotonic() - start, status["intake"]["queued"] - stored
            threads = spent(before, bridge.cpu(), count)
            if not acked <= count <= acked + MAIN[1] or sandbox.counts()["messages"] != stored + count:
                raise Broken(f"lost or doubled: {acked} acknowledged, {count} kept, {sandbox.counts()}")
            size = os.path.getsize(os.path.join(directory, "bridge.db")) / 2**20
            if stored >= shown:
                rows.append([stored, f"{count / total:.0f}", f"{sum(threads.values()):.0f}",
                             f"{threads['committer']:.0f}", f"{batches(status, earlier)[0]:.0f}",
                             f"{bridge.rss_mib():.0f}", f"{size:.0f}"])
                print("# " + " ".join(str(value) for value in rows[-1]), flush=True)
                shown += target // 5
            if stored >= target:
                break
            stored += count
        bridge.stop()
    print_table(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--grow", type=int, nargs="?", const=1000000)
    args = parser.parse_args()
    share_two_cores()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_DIR")) as directory:
        try:
            describe(directory)
            if args.grow is not None:
                grow(directory, args.grow)
            else:
                bench(directory, args.short, args.pairs or (1 if args.short else 3))
        except Broken as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
