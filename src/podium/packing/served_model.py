"""The packed model as MLflow serves it: a table of pictures in, a table of classes out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

from podium.errors import InputError
from podium.packing.contents import FOLDER_KEY
from podium.packing.predictor import Predictor
from podium.probabilities import name_columns

IMAGE_COLUMN = "image"


class ServedModel(PythonModel):
    """Answers tables with a column ``image``, the bytes of a JPEG, a PNG or another image file.

    Over HTTP the bytes travel as base64, which MLflow decodes.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load all weights."""
        self._predictor = Predictor(Path(context.artifacts[FOLDER_KEY]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Name the class of each picture.

        Args:
            context: Not looked at.
            model_input: ``image`` (bytes).
            params: There are none.

        Returns:
            As many rows, with the same index: target (what the organisers write for the class), label (its number),
            class_name, probability (of that class), and p_0, p_1, … (float32, of each class by label).

        Raises:
            MlflowException: Pictures cannot be read; all are listed. A server answers 400.
        """
        try:
            probabilities = self._predictor.predict(model_input[IMAGE_COLUMN].tolist())
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        classes = self._predictor.contents.classes
        labels = probabilities.argmax(axis=1)
        answers = pd.DataFrame(
            {
                "target": [classes[label].target for label in labels],
                "label": labels.astype(np.int64),
                "class_name": [classes[label].class_name for label in labels],
                "probability": probabilities.max(axis=1),
            },
            index=model_input.index,
        )
        columns = pd.DataFrame(probabilities, columns=name_columns(len(classes)), index=model_input.index)
        return pd.concat([answers, columns], axis=1)
