"""A small bookshop. It works, and it leaks in three places."""


class Category:
    """A tree of categories: each knows its parent and its children."""

    def __init__(self, name, parent=None):
        self.name = name
        self.parent = parent
        self.children = []
        if parent is not None:
            parent.children.append(self)

    def path(self):
        return f"{self.parent.path()}/{self.name}" if self.parent else self.name


class Basket:
    """A basket that recomputes its total when an item changes."""

    def __init__(self):
        self.prices = []
        self.on_change = self.update_total
        self.total = 0

    def add(self, price):
        self.prices.append(price)
        self.on_change()

    def update_total(self):
        self.total = sum(self.prices)


def parse_price(text):
    """A price, or the error that explains why there is none."""
    failure = None
    try:
        return float(text)
    except ValueError as error:
        failure = error
    return str(failure)


class Cover:
    """A picture: weighs something, and leaks nothing."""

    def __init__(self, size):
        self.pixels = bytes(size)
