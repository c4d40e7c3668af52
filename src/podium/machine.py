"""What a run was made on: processor, memory, GPUs, driver, versions."""

import csv
import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "torchvision", "timm", "lightning")
_GIB = 2**30


def describe_machine() -> dict[str, str]:
    """Describe the machine in plain text by name.

    Torch is asked for its version alone, since it takes seconds to import; NVIDIA's driver speaks for the GPUs.

    Returns:
        host, system, processor, cores (those that this process may use), memory_gib, python, the version of each of
        ``PACKAGES``; with NVIDIA's driver, gpu (the cards, as in ``2 x NVIDIA A100``), gpu_memory_gib (of the first)
        and driver.
    """
    described = {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _name_processor(),
        "cores": str(_count_cores()),
        "memory_gib": f"{_count_memory_bytes() / _GIB:.1f}",
        "python": platform.python_version(),
        **{name: found for name in PACKAGES if (found := _find_version(name))},
        **_describe_gpus(_ask_driver()),
    }
    return {name: value for name, value in described.items() if value}


def _name_processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _count_memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0


def _find_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _ask_driver() -> str:
    """Ask NVIDIA's driver for a line a GPU: name, memory in MiB, version of the driver; empty where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run([program, *query], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _describe_gpus(lines: str) -> dict[str, str]:
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines.splitlines()) if len(row) == 3]
    if not rows:
        return {}
    names = [name for name, _, _ in rows]
    counted = [f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
    memory = rows[0][1]
    return {
        "gpu": ", ".join(counted),
        "gpu_memory_gib": f"{int(memory) / 1024:.1f}" if memory.isdecimal() else memory,
        "driver": rows[0][2],
    }
