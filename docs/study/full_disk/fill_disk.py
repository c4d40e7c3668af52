"""Let the disk run full at random moments of a run, make room, go on, and compare with an undisturbed run.

As root on Linux, in the project's folder: ``python docs/study/full_disk/fill_disk.py --points 10``. Each point has a
small file system in memory of its own. What is compared is the split, weights, probabilities and the submission, byte
for byte.
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PARAMETERS = "disk.keep_free_gb=0,recipes.baseline.epochs=6,training.num_threads=1"  # last digits depend on threads
COMMAND = ("run", "--env", "sample", "--params", PARAMETERS)
SIZE = 64 * 2**20
COMPARED = (
    "06_models/demo/*/*/weights.safetensors",
    "07_model_output/demo/members/*/*/oof.parquet",
    "07_model_output/demo/members/*/*/test_probabilities.parquet",
    "03_primary/demo/folds.parquet/*/folds.parquet",
    "07_model_output/demo/submission.csv/*/submission.csv",
)
VERSION = re.compile(r"\d{4}-\d\d-\d\dT[\d.]+Z/")


class Workplace:
    """A copy of the project whose data lie on a disk of their own.

    Args:
        folder: Made here.
        project: Whose code and configuration are copied.
    """

    def __init__(self, folder: Path, project: Path):
        self.folder, self.disk = folder, folder / "data"
        folder.mkdir()
        for name in ("conf", "src", "pyproject.toml"):
            source = project / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.disk], check=True)

    def run(self) -> subprocess.Popen[str]:
        """Begin a run of the whole chain."""
        return subprocess.Popen(
            [sys.executable, "-m", "kedro", *COMMAND],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def fill_at(self, n_bytes: int, process: subprocess.Popen[str]) -> None:
        """Wait until the run has written so much, then take all the room that is left."""
        while process.poll() is None and shutil.disk_usage(self.disk).used < n_bytes:
            time.sleep(0.002)
        try:
            with open(self.disk / "ballast", "wb", buffering=0) as file:
                while True:
                    file.write(bytes(65536))
        except OSError:
            return

    def digest(self) -> dict[str, str]:
        """Digest what is compared."""
        data = self.disk / "sample"
        files = sorted(file for pattern in COMPARED for file in data.glob(pattern))
        newest = {VERSION.sub("", file.relative_to(data).as_posix()): file for file in files}
        return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in newest.items()}

    def list_leftovers(self) -> list[str]:
        """List what was left half-written."""
        return sorted(str(file.relative_to(self.disk)) for file in self.disk.rglob(".*.partial"))

    def close(self) -> None:
        """Take the disk away."""
        subprocess.run(["umount", "--lazy", self.disk], check=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw, project = random.Random(arguments.seed), Path(__file__).parents[3]
    with tempfile.TemporaryDirectory() as folder:
        whole = Workplace(Path(folder, "whole"), project)
        out, _ = (process := whole.run()).communicate()
        assert process.returncode == 0, out
        expected, written = whole.digest(), shutil.disk_usage(whole.disk).used
        whole.close()
        print(f"undisturbed: {written} bytes, {len(expected)} files compared")
        for point in range(arguments.points):
            place = Path(folder, f"point_{point}")
            print(try_point(Workplace(place, project), round(draw.uniform(0.02, 1.0) * written), expected), flush=True)
            shutil.rmtree(place)


def try_point(work: Workplace, n_bytes: int, expected: dict[str, str]) -> str:
    """Fill the disk once so much is written, make room again, go on, and say how both runs ended."""
    process = work.run()
    filler = threading.Thread(target=work.fill_at, args=(n_bytes, process))
    filler.start()
    out, _ = process.communicate()
    filler.join()
    left = work.list_leftovers()
    (work.disk / "ballast").unlink(missing_ok=True)
    again, _ = (second := work.run()).communicate()
    is_same = second.returncode == 0 and work.digest() == expected
    work.close()
    lines = [line for line in out.splitlines() if line.startswith("Error") or line.startswith("  - ")]
    told = " | ".join(lines)[:260] if process.returncode else "it needed no more room"
    plain = "with a traceback" if "Traceback" in out else "plainly"
    return (
        f"at {n_bytes} bytes: ended {process.returncode} {plain}, {len(left)} left half-written; {told}\n"
        f"    again: {second.returncode}, {'the same bytes' if is_same else 'OTHER BYTES ' + again[-600:]}"
    )


if __name__ == "__main__":
    main()
