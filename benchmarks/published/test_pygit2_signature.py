"""A commit's author: the name of the encoding, copied in C, is never released."""

import shutil
import tempfile
import unittest

import pygit2


class TestAuthor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.repository = pygit2.init_repository(directory, bare=True)
        jane = pygit2.Signature("Jane", "jane@example.com", 1, 60)
        tree = cls.repository.TreeBuilder().write()
        cls.commit = cls.repository.create_commit(None, jane, jane, "text", tree, [])

    @classmethod
    def tearDownClass(cls):
        cls.repository.remotes = None  # in a cycle with it

    def test_author(self):
        self.assertEqual(self.repository[self.commit].author.name, "Jane")
