"""Views of an image as numpy and OpenCV make them."""

import cv2
import numpy as np

from podium.vision.recipe import View


def cut_and_enlarge(image: np.ndarray, top: int, left: int) -> np.ndarray:
    """Cut 7/8 of each side out, and bring it back to its size by OpenCV."""
    height, width = image.shape[0] * 7 // 8, image.shape[1] * 7 // 8
    cut = np.ascontiguousarray(image[top : top + height, left : left + width]).astype(np.float32)
    return np.rint(cv2.resize(cut, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def show(image: np.ndarray, view: View) -> np.ndarray:
    """One image, (height, width, 3), seen in another way by numpy."""
    below, beside = image.shape[0] // 8, image.shape[1] // 8
    seen = {
        "none": image,
        "horizontal": np.fliplr(image),
        "vertical": np.flipud(image),
        "turn_90": np.rot90(image),
        "turn_180": np.rot90(image, 2),
        "turn_270": np.rot90(image, -1),
        "transpose": np.swapaxes(image, 0, 1),
        "transverse": np.flipud(np.fliplr(np.swapaxes(image, 0, 1))),
        "crop_center": cut_and_enlarge(image, below // 2, beside // 2),
        "crop_top_left": cut_and_enlarge(image, 0, 0),
        "crop_top_right": cut_and_enlarge(image, 0, beside),
        "crop_bottom_left": cut_and_enlarge(image, below, 0),
        "crop_bottom_right": cut_and_enlarge(image, below, beside),
    }
    return seen[view]
