"""What all transforms have in common, and one after the other."""


class Transform:
    random = False
    batched = False


class Compose(Transform):
    """One transform after the other.

    >>> import numpy as np
    >>> from minidl.data import Normalize, ToArray
    >>> to_network = Compose([ToArray(), Normalize(mean=[0.5], std=[0.5])])
    >>> to_network(np.array([[0, 255]], np.uint8))
    array([[[-1.,  1.]]], dtype=float32)
    """

    def __init__(self, transforms):
        self.transforms = [step for t in transforms for step in _steps(t)]
        self.random = any(getattr(t, "random", False) for t in self.transforms)
        self.batched = all(getattr(t, "batched", False) for t in self.transforms)

    def __call__(self, image, rng=None):
        if self.random and rng is None:
            raise TypeError(
                "Compose: one of the transforms is random: call it as transform(image, rng) with a generator, such as "
                "np.random.default_rng(0)"
            )
        for transform in self.transforms:
            image = transform(image, rng) if getattr(transform, "random", False) else transform(image)
        return image

    def __repr__(self):
        return f"Compose({self.transforms})"

    @staticmethod
    def split(transform):
        """A transform in two: what must go image by image, and the rest, which may take a stack. None: nothing.

        >>> from minidl.data import RandomHorizontalFlip, ToArray
        >>> Compose.split(Compose([RandomHorizontalFlip(), ToArray()]))
        (Compose([RandomHorizontalFlip(p=0.5)]), Compose([ToArray()]))
        """
        steps = _steps(transform)
        cut = len(steps)
        while cut and getattr(steps[cut - 1], "batched", False) and not getattr(steps[cut - 1], "random", False):
            cut -= 1
        return (Compose(steps[:cut]) if cut else None, Compose(steps[cut:]) if cut < len(steps) else None)


def _steps(transform):
    if transform is None:
        return []
    if isinstance(transform, type):
        raise TypeError(
            f"a transform is a function of an image, and {transform.__name__} is a class: "
            f"write {transform.__name__}(...)"
        )
    if not callable(transform):
        raise TypeError(f"a transform is a function of an image, got {type(transform).__name__}: {transform!r}")
    return transform.transforms if isinstance(transform, Compose) else [transform]
