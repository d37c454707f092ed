import unittest

from bookshop import Basket, Category, Cover, parse_price


class TestCategories(unittest.TestCase):
    def test_path(self):
        root = Category("books")
        novels = Category("novels", root)
        self.assertEqual(novels.path(), "books/novels")

    def test_many(self):
        root = Category("books")
        for number in range(50):
            Category(f"shelf {number}", root)
        self.assertEqual(len(root.children), 50)


class TestBasket(unittest.TestCase):
    def test_total(self):
        basket = Basket()
        basket.cover = Cover(2_000_000)
        basket.add(12.5)
        basket.add(7.5)
        self.assertEqual(basket.total, 20)


class TestPrices(unittest.TestCase):
    def test_good(self):
        self.assertEqual(parse_price("12.50"), 12.5)

    def test_bad(self):
        self.assertIn("could not convert", parse_price("twelve"))

    def test_cover(self):
        self.assertEqual(len(Cover(100).pixels), 100)
