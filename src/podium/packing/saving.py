"""Writing a packed model as a folder that MLflow can register, load and serve."""

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from podium.atomic_files import PARTIAL_SUFFIX
from podium.packing.contents import FOLDER_KEY, Contents, write_contents
from podium.packing.own_code import copy_code
from podium.probabilities import name_columns

# All that the path from bytes to classes imports, as distributions; mlflow brings its server along.
REQUIREMENTS = (
    "mlflow", "numpy", "opencv-python-headless", "pandas", "pillow", "pyarrow", "pydantic", "safetensors", "simplejpeg",
    "timm", "torch", "torchvision", "tqdm",
)  # fmt: skip

ENTRY = "podium.packing.served_model"
"""What the packed model's script imports."""

_EXAMPLE_SIDE_PX = 64


def save_packed(contents: Contents, folder: Path) -> None:
    """Write the model, whole or not at all.

    Args:
        contents: What it is made of; weights are copied from where it says.
        folder: Is replaced when it is there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(PARTIAL_SUFFIX, f".{folder.name}.", folder.parent) as scratch:
        packed, model = Path(scratch) / FOLDER_KEY, Path(scratch) / "model"
        _lay_out(contents, packed)
        _save_model(contents, packed, copy_code(ENTRY, Path(scratch) / "code"), model)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        model.rename(folder)


def list_requirements() -> list[str]:
    """Pin what is installed here; a build of torch for one kind of machine alone (``+cpu``) stands for its version."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in REQUIREMENTS]


def draw_example() -> bytes:
    """Draw a small PNG of coloured stripes: a picture of the competition might show a person."""
    import cv2

    rows, columns = np.mgrid[:_EXAMPLE_SIDE_PX, :_EXAMPLE_SIDE_PX]
    stripes = np.stack([rows * 4, columns * 4, (rows + columns) % 16 * 16], axis=2).astype(np.uint8)
    is_done, data = cv2.imencode(".png", stripes)
    assert is_done
    return bytes(data)


def _lay_out(contents: Contents, folder: Path) -> None:
    """Copy the weights under plain numbered names, and write what they are."""
    folder.mkdir()
    places = {}
    for number, (name, fold, file) in enumerate(contents.list_files()):
        places[name, fold] = f"weights_{number}.safetensors"
        shutil.copyfile(file, folder / places[name, fold])
    write_contents(contents.place_files(places), folder)


def _save_model(contents: Contents, packed: Path, code: Path, folder: Path) -> None:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    from podium.packing.served_model import IMAGE_COLUMN

    of_target = DataType.long if isinstance(contents.classes[0].target, int) else DataType.string
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(of_target, "target"),
        ColSpec(DataType.long, "label"),
        ColSpec(DataType.string, "class_name"),
        *(ColSpec(DataType.float, name) for name in ("probability", *name_columns(len(contents.classes)))),
    ]
    metadata: dict[str, Any] = {"competition": contents.competition, "what": contents.what, **contents.about}
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(Path(__file__).with_name("model_script.py")),
        artifacts={FOLDER_KEY: str(packed)},
        code_paths=[str(code)],
        pip_requirements=list_requirements(),
        signature=ModelSignature(Schema([ColSpec(DataType.binary, IMAGE_COLUMN)]), Schema(outputs)),
        input_example=pd.DataFrame({IMAGE_COLUMN: [draw_example()]}),
        metadata=metadata,
    )
    _forget_paths(folder)


def _forget_paths(folder: Path) -> None:
    """Take out of ``MLmodel`` where its parts lay on this machine; it finds them in its own folder."""
    from mlflow.models import Model
    from mlflow.models.model import MLMODEL_FILE_NAME

    model = Model.load(str(folder))
    flavor = model.flavors["python_function"]
    flavor["model_code_path"] = Path(flavor["model_code_path"]).name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    model.save(str(folder / MLMODEL_FILE_NAME))
    for compiled in list(folder.rglob("__pycache__")):  # names where the script was compiled
        shutil.rmtree(compiled)
