"""The page on which images, answers and errors are looked at: one file, without a server or a network.

``gallery`` says what is shown, ``columns`` computes and packs it, ``page`` puts it together with ``gallery.html``, its
style and the parts of its script in ``scripts/``. ``thumbnails`` keeps it small.

A link with ``data-images`` in a section opens images; the value is JSON, and all keys may be left out:

    true, predicted     labels: numbers
    attributes          by name, the positions of values: {"gender": {"true": 0, "predicted": 1}}
    member, reference   names of members: who predicts, and whom to hold against instead of the true classes
    subset, fold        "train" or "test"; a number
    answer              "right" or "wrong"
    group, search       a group_id; text in ids
    suspect, heat       true: suspected label errors alone, images with a heat map alone
    mark                "any", "none", "label_wrong", "exclude" or "look_again"
    sort, reversed      "loss", "margin", "disagreement", "suspicion" or "id"; true
    image               an image_id, which is opened at once

The address of the page has the same keys, so that any view can be passed on as a link.
"""

from podium.browser.gallery import AttributeOfClasses, Gallery, Section
from podium.browser.page import render_gallery
from podium.browser.thumbnails import choose_size, shrink_thumbnails

__all__ = ["AttributeOfClasses", "Gallery", "Section", "choose_size", "render_gallery", "shrink_thumbnails"]
