"""Who stands before the camera of the embedded demo competition: looks, and how they change with age."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""Red, green and blue, each 0 to 255."""

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
SIDES = (-1, 1)
"""Left and right of the picture: whatever comes in pairs is drawn once with each."""

GENDERS = ("male", "female")
SKIN_TONES: dict[str, Colour] = {
    "light": (236, 204, 182),
    "medium": (222, 180, 148),
    "tan": (196, 144, 106),
    "deep": (134, 92, 66),
}
HAIR_COLOURS: tuple[Colour, ...] = (
    (32, 27, 27),
    (62, 43, 33),
    (96, 62, 40),
    (142, 96, 54),
    (196, 158, 96),
    (128, 58, 38),
)
GREY: Colour = (208, 206, 204)
BACKGROUNDS = ("wall", "panels", "lights", "shelf")
COLLARS = ("round", "v", "shirt")

AGE_BANDS = ((18, 30, 0.46), (30, 50, 0.11), (50, 60, 0.35), (60, 80, 0.08))
"""First age, age after the last, share of the people: far too few at 60 and over, as in the real competition."""


@dataclass(frozen=True)
class Ageing:
    """How far each sign of age has come, 0 (none) to 1: each a continuous function of the age and of the person."""

    wrinkles: float
    sagging: float
    eye_bags: float
    grey: float
    receding: float
    spots: float


@dataclass(frozen=True)
class Person:
    """One drawn person. Lengths are in units of half the picture's shorter side; shares run from 0 to 1."""

    gender: str
    age_years: int
    tone: str
    ageing: Ageing
    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    clothes: Colour
    backdrop: tuple[Colour, Colour]
    background: str
    collar: str
    hair_length: float
    hair_volume: float
    fringe: float
    parting: float
    face_width: float
    face_length: float
    jaw_width: float
    brow_thickness: float
    brow_arch: float
    eye_size: float
    lashes: float
    lip_fullness: float
    nose_width: float
    beard: float
    moustache: float
    glasses: bool


def plan_people(n_people: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Choose gender and age of every person, so that small drawings hold every class too.

    Ages are spread evenly over each band and genders are dealt out in turn, from the youngest to the oldest, so
    neighbours in age are of both genders; independent draws would leave a small drawing without an old man, or with
    nobody beyond 62, now and then.

    Args:
        n_people: At least 1; from 6 people on every gender occurs in every age band of the label.
        rng: Source of the ages and of the order.

    Returns:
        A shuffled list of (gender, age in years).
    """
    ages: list[int] = []
    for (first, end, _), n in zip(AGE_BANDS, _share_out(n_people), strict=True):
        evenly = (np.arange(n) + rng.random(n)) / max(n, 1)
        ages += (first + (end - first) * evenly).astype(int).tolist()
    women_first = int(rng.integers(2))
    plan = [(GENDERS[(k + women_first) % 2], age) for k, age in enumerate(ages)]
    return [plan[i] for i in rng.permutation(len(plan))]


def _share_out(n_people: int) -> list[int]:
    """Number of people in each age band: its share, yet two in the last one where that leaves two to the others."""
    n_old = min(max(round(n_people * AGE_BANDS[-1][2]), 2), n_people // 3)
    counts = [0] * (len(AGE_BANDS) - 1) + [n_old]
    shares = np.array([share for *_, share in AGE_BANDS[:-1]])
    for k in range(n_people - n_old):
        behind = shares / shares.sum() * (k + 1) - counts[:-1]
        counts[int(behind.argmax())] += 1
    return counts


def imagine_person(gender: str, age_years: int, rng: np.random.Generator) -> Person:
    """Invent a person of this gender and age.

    Every random number is drawn before gender or age come in, so the same ``rng`` gives the same person at another
    age. No single feature tells the gender: each is a noisy cue, and they only add up.

    Args:
        gender: One of ``GENDERS``.
        age_years: Age in years.
        rng: Source of everything that is this person's own.

    Returns:
        The person.
    """
    spread, share = rng.normal(size=24), rng.random(size=32)
    female = 1.0 if gender == "female" else 0.0

    def lean(
        k: int, male_mean: float, female_mean: float, deviation: float, low: float = 0.0, high: float = 1.0
    ) -> float:
        mean = male_mean + female * (female_mean - male_mean)
        return float(np.clip(mean + deviation * spread[k], low, high))

    tone = list(SKIN_TONES)[int(share[0] * len(SKIN_TONES))]
    skin = _vary(SKIN_TONES[tone], share[1:4], 16)
    lip_colour = lean(0, 0.30, 0.62, 0.2)
    tied = share[30] < 0.16
    return Person(
        gender=gender,
        age_years=age_years,
        tone=tone,
        ageing=_age(age_years, female, spread[12:19], share[26:28]),
        skin=skin,
        hair=_vary(HAIR_COLOURS[int(len(HAIR_COLOURS) * share[4] ** 1.6)], share[5:8], 18),
        iris=_vary(((86, 58, 36), (60, 84, 70), (70, 104, 140))[int(3 * share[8] ** 2)], share[9:12], 20),
        lips=mix(skin, (176, 48, 62), 0.25 + 0.6 * lip_colour),
        clothes=_choose_dull_colour(share[12:15]),
        backdrop=(_choose_dull_colour(share[15:18]), _choose_dull_colour(share[18:21])),
        background=BACKGROUNDS[int(share[21] * len(BACKGROUNDS))],
        collar=COLLARS[int(share[22] * len(COLLARS))],
        hair_length=0.12 if tied else lean(1, 0.12, 0.72, 0.24),
        hair_volume=lean(2, 0.4, 0.55, 0.2),
        fringe=float(np.clip((share[23] - 0.45) * 1.8, 0, 1)),
        parting=0.5 * (share[24] - 0.5),
        face_width=lean(3, 0.47, 0.44, 0.018, 0.4, 0.52),
        face_length=lean(4, 0.64, 0.60, 0.025, 0.54, 0.7),
        jaw_width=lean(5, 0.80, 0.55, 0.11, 0.3, 1.0),
        brow_thickness=lean(6, 0.72, 0.34, 0.16),
        brow_arch=lean(7, 0.25, 0.68, 0.2),
        eye_size=lean(8, 0.38, 0.62, 0.18),
        lashes=lean(9, 0.15, 0.62, 0.2),
        lip_fullness=lean(10, 0.35, 0.66, 0.17),
        nose_width=lean(11, 0.6, 0.42, 0.16),
        beard=lean(19, 0.48, -0.25, 0.25),
        moustache=(1 - female) * float(share[28] < 0.14),
        glasses=bool(share[29] < 0.2),
    )


def _age(age_years: int, female: float, spread: np.ndarray, share: np.ndarray) -> Ageing:
    """Signs of age: each starts and ends at its own age and comes earlier or later from person to person."""

    def progress(k: int, first: float, last: float, deviation_years: float) -> float:
        looks_like = age_years + 1.5 * spread[0] + deviation_years * spread[k]
        return float(np.clip((looks_like - first) / (last - first), 0, 1) ** 1.5)

    dyed = share[0] < 0.08 + 0.10 * female
    proneness = (0.25 + 0.75 * share[1]) * (0.15 if female else 1.0)
    return Ageing(
        wrinkles=progress(1, 22, 76, 2.5),
        sagging=progress(2, 24, 78, 2.5),
        eye_bags=progress(3, 24, 76, 3),
        grey=progress(4, 36, 76, 4) * (0.3 if dyed else 1.0),
        receding=progress(5, 26, 78, 5) * proneness,
        spots=progress(6, 42, 76, 4),
    )


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that lies ``share`` (0 to 1) of the way from ``first`` to ``second``."""
    a, b, c = (x + (y - x) * share for x, y in zip(first, second, strict=True))
    return a, b, c


def _vary(colour: Colour, share: np.ndarray, amount: float) -> Colour:
    """A colour near ``colour``: mostly lighter or darker, a little off in hue."""
    common = share[0] - 0.5
    a, b, c = (
        float(np.clip(x + amount * (1.6 * common + 0.6 * (s - 0.5)), 0, 255))
        for x, s in zip(colour, share, strict=True)
    )
    return a, b, c


def _choose_dull_colour(share: np.ndarray) -> Colour:
    """Any colour, drawn halfway to the grey of its own brightness."""
    a, b, c = (float(35 + 195 * (0.55 * s + 0.45 * share.mean())) for s in share)
    return a, b, c
