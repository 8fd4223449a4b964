"""What tests beside other programs share: an environment of packages from PyPI, a copy of the example."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("TFORM_CACHE", Path.home() / ".cache" / "tform"))
PROJECT_FILES = ["dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "snapshots", "data"]


def environment(name: str, requirements: Path) -> Path:
    """The folder of a Python environment, made once for a list of packages (each with its version)."""
    version = ".".join(map(str, sys.version_info[:2]))
    key = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{key}"
    if (folder / "complete").is_file():
        return folder
    print(f"installing {name} from PyPI to {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin" / "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", requirements], check=True)
    (folder / "complete").touch()
    return folder


def write_example(folder: Path, more: list[str] | None = None) -> None:
    """Copies the example at the root of the repository into a new folder; `more` are further files of it."""
    folder.mkdir(parents=True)
    for name in [*PROJECT_FILES, *(more or [])]:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        elif source.is_file():
            shutil.copy(source, folder / name)
    (folder / "tests").mkdir()
    for path in (ROOT / "tests").glob("*.sql"):
        shutil.copy(path, folder / "tests")
