"""What MLflow runs to have the model again: no object is ever pickled.

MLflow copies this file into the packed folder, and what it needs of ``podium`` beside it.
"""

from mlflow.models import set_model

from podium.packing.served_model import ServedModel

set_model(ServedModel())
