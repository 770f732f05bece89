"""The machine's memory and cores, with and without a container's limits."""

import os

import psutil
import pytest

from app.domain.memory import MemoryView
from app.system.devices import Machine, MemoryLimit, cores_within, within

GIB = 1024**3
MIB = 1024**2


def machine(root, groups: str, **files: dict[str, str]):
    """A machine whose control groups are files below `root`."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for folder, contents in files.items():
        place = root / "sys/fs/cgroup" / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            (place / name).write_text(f"{text}\n")
    return Machine(root)


def test_that_the_memory_of_a_free_machine_is_all_there_is(tmp_path):
    memory = Machine(tmp_path).memory()
    assert memory.total == psutil.virtual_memory().total
    assert 0 < memory.available <= memory.total


def test_that_this_machine_has_memory_and_cores():
    memory = Machine().memory()
    assert 0 < memory.available <= memory.total
    assert 1 <= Machine().cores() <= (os.cpu_count() or 1)


def test_that_a_limit_of_version_2_holds_and_idle_file_cache_is_free(tmp_path):
    limits = {
        "memory.max": f"{200 * MIB}",
        "memory.current": f"{150 * MIB}",
        "memory.stat": f"anon 5\ninactive_file {50 * MIB}\nactive_file 7",
    }
    memory = machine(tmp_path, "0::/box\n", box=limits).memory()
    assert memory == MemoryView(total=200 * MIB, available=100 * MIB)


def test_that_the_limit_of_an_ancestor_holds_too(tmp_path):
    files = {
        "a": {"memory.max": f"{100 * MIB}", "memory.current": f"{70 * MIB}"},
        "a/b": {"memory.max": "max", "memory.current": f"{10 * MIB}"},
    }
    memory = machine(tmp_path, "0::/a/b\n", **files).memory()
    assert memory == MemoryView(total=100 * MIB, available=30 * MIB)


def test_that_a_limit_of_version_1_holds(tmp_path):
    limits = {
        "memory.limit_in_bytes": f"{200 * MIB}",
        "memory.usage_in_bytes": f"{150 * MIB}",
        "memory.stat": f"inactive_file 1\ntotal_inactive_file {50 * MIB}",
    }
    groups = "4:memory:/box\n1:cpu,cpuacct:/\n0::/\n"
    memory = machine(tmp_path, groups, **{"memory/box": limits}).memory()
    assert memory == MemoryView(total=200 * MIB, available=100 * MIB)


def test_that_a_limit_is_found_where_the_path_is_the_hosts(tmp_path):
    limits = {
        "memory.limit_in_bytes": f"{200 * MIB}",
        "memory.usage_in_bytes": f"{150 * MIB}",
    }
    memory = machine(tmp_path, "4:memory:/docker/0123\n", memory=limits).memory()
    assert memory == MemoryView(total=200 * MIB, available=50 * MIB)


def test_that_a_group_without_a_limit_changes_nothing(tmp_path):
    limits = {
        "memory.limit_in_bytes": "9223372036854771712",
        "memory.usage_in_bytes": f"{150 * MIB}",
    }
    memory = machine(tmp_path, "4:memory:/\n", memory=limits).memory()
    assert memory.total == psutil.virtual_memory().total


def test_that_memory_over_the_limit_leaves_nothing_rather_than_less():
    free = MemoryView(total=8 * GIB, available=4 * GIB)
    assert within(free, [MemoryLimit(most=GIB, used=2 * GIB)]).available == 0


def test_that_the_tightest_of_several_limits_counts():
    free = MemoryView(total=8 * GIB, available=4 * GIB)
    limits = [MemoryLimit(most=2 * GIB, used=0), MemoryLimit(most=6 * GIB, used=5 * GIB)]
    assert within(free, limits) == MemoryView(total=2 * GIB, available=GIB)


@pytest.mark.parametrize(
    ("quotas", "cores"), [([], 8), ([2.0], 2), ([2.9], 2), ([0.5], 1), ([16.0], 8), ([4.0, 3.0], 3)]
)
def test_that_a_quota_counts_in_whole_cores_and_leaves_at_least_one(quotas, cores):
    assert cores_within(8, quotas) == cores


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/box\n", {"box": {"cpu.max": "100000 100000"}}),
        (
            "1:cpu,cpuacct:/box\n",
            {"cpu/box": {"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000"}},
        ),
    ],
)
def test_that_a_quota_of_either_version_holds(tmp_path, groups, files):
    assert machine(tmp_path, groups, **files).cores() == 1


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/box\n", {"box": {"cpu.max": "max 100000"}}),
        (
            "1:cpu,cpuacct:/\n",
            {"cpu": {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}},
        ),
    ],
)
def test_that_no_quota_leaves_the_cores_of_this_process(tmp_path, groups, files):
    cores = machine(tmp_path, groups, **files).cores()
    assert cores == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("groups", "files", "count"),
    [
        ("0::/a/b\n", {"a/b": {"memory.events": "oom 3\noom_kill 2"}, "a": {}}, 2),
        ("4:memory:/b\n0::/\n", {"memory/b": {"memory.oom_control": "under_oom 0\noom_kill 5"}}, 5),
        ("0::/\n", {}, 7),
    ],
)
def test_that_processes_that_were_ended_for_want_of_memory_are_counted(
    tmp_path, groups, files, count
):
    counting = machine(tmp_path, groups, **files)
    (tmp_path / "proc/vmstat").write_text("nr_free 1\noom_kill 7\n")
    assert counting.starved() == count


def test_that_a_machine_that_counts_nothing_has_ended_nothing(tmp_path):
    assert Machine(tmp_path).starved() == 0
