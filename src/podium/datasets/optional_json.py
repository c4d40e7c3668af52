"""A JSON file that may never have been made."""

from typing import Any

from kedro_datasets.json import JSONDataset


class OptionalJSONDataset(JSONDataset):
    """A mapping that is empty as long as nobody wrote one; for what another pipeline may have made.

    Example:
        ```yaml
        known_survey:
          type: podium.datasets.optional_json.OptionalJSONDataset
          filepath: data/02_intermediate/demo/survey.json
        ```
    """

    def load(self) -> Any:
        return super().load() if self.exists() else {}
