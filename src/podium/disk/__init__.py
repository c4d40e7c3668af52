"""Room on the disk: what a stage is going to write, whether there is room for it, and what may go.

``room`` compares what a stage needs with the free space and the quota. ``predictions`` says how many bytes image
stores, surveys and trained folds take. ``superseded`` lists what nobody needs any more, rule by rule; ``versions`` is
the rule of old versions; ``removal`` takes things away so that a kill in the middle does no harm. Nothing here needs
Kedro.
"""
