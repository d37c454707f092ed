"""What the idioms of kept.py use."""

# ruff: noqa: F401
import abc
import argparse
import array
import ast
import asyncio
import bisect
import bz2
import codecs
import collections
import concurrent.futures
import configparser
import contextlib
import contextvars
import copy
import copyreg
import csv
import ctypes
import dataclasses
import datetime
import decimal
import difflib
import dis
import email
import enum
import faulthandler
import fractions
import functools
import gc
import gettext
import graphlib
import gzip
import hashlib
import heapq
import hmac
import html.parser
import http.cookies
import inspect
import io
import ipaddress
import itertools
import json
import json.encoder
import json.scanner
import locale
import logging
import lzma
import mmap
import multiprocessing
import operator
import os
import pathlib
import pickle
import queue
import random
import re
import select
import selectors
import shelve
import signal
import socket
import sqlite3
import ssl
import statistics
import string
import struct
import subprocess
import symtable
import sys
import tarfile
import tempfile
import textwrap
import threading
import time
import tokenize
import traceback
import tracemalloc
import types
import typing
import unicodedata
import unittest.mock
import urllib.request
import uuid
import warnings
import weakref
import xml.dom.minidom
import xml.etree.ElementTree as ET
import xml.parsers.expat
import xml.sax
import zipfile
import zlib
import zoneinfo

try:
    import readline
except ImportError:
    readline = None
try:
    import numpy as np
except ImportError:
    np = None

number = itertools.count(1000).__next__
OWNERS = []


class Base:
    """A class of the program's."""

    def method(self):
        return self


class Sub(Base):
    pass


class Local(threading.local):
    pass


class PicklerSub(pickle.Pickler):
    pass


class Zone(datetime.tzinfo):
    pass


class Finder:
    def find_spec(self, name, path=None, target=None):
        return None


class Keeping:
    def __init__(self, what):
        self.what = what

    def __call__(self, *args):
        return self.what(*args)


class ExceptionGroupLike(Exception):
    pass


def o():
    made = Base()
    made.items = [1]
    return made


def l():  # noqa: E743
    return [number()]


def f():
    kept = [1]

    def inner(*args):
        return kept

    return inner


async def coroutine():
    kept = [1]
    await asyncio.sleep(1000)
    return kept


async def async_generator():
    kept = [1]
    yield kept


async def sleeping(what):
    await asyncio.sleep(0)
    return what


async def gathering():
    return await asyncio.gather(sleeping([1]), sleeping([2]))


async def cancelling():
    task = asyncio.ensure_future(asyncio.sleep(1000))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return task


async def iterating():
    return [item async for item in async_generator()]


async def started_task():
    task = asyncio.ensure_future(sleeping([1]))
    await task
    return task


def yielding():
    yield [1]


def kept(what):
    OWNERS.append(what)
    return what


def started(iterator):
    if inspect.iscoroutine(iterator):
        with contextlib.suppress(RuntimeError):
            iterator.send(None)
        return iterator
    next(iterator)
    return iterator


def called(function):
    function()
    return function


def executed(source):
    namespace = {}
    exec(source, namespace)
    return namespace


def caught(kind, what):
    try:
        raise kind(what)
    except kind as error:
        return error


def attribute(target, what):
    target.attribute = what
    return target


def set_variable(variable, what):
    return variable, variable.set(what)


def in_context(context, what):
    variable = contextvars.ContextVar("v")
    context.run(variable.set, what)
    return context


def ran(thread):
    thread.start()
    thread.join()
    return thread


def put(target, what):
    target.put(what)
    return target


def in_loop(make):
    loop = asyncio.new_event_loop()
    return loop, make(loop)


def ran_in_loop(what, debug=False):
    loop = asyncio.new_event_loop()
    loop.set_debug(debug)
    try:
        return loop.run_until_complete(what), loop
    finally:
        loop.close()


def result(future, what):
    future.set_result(what)
    return future


def exception(future, what):
    future.set_exception(what)
    future.exception()
    return future


def callback(future, function):
    future.add_done_callback(function)
    return future


def dumped(pickler, what):
    pickler.dump(what)
    return pickler


def loaded(unpickler):
    return unpickler, unpickler.load()


def zone(name):
    try:
        return zoneinfo.ZoneInfo.no_cache(name)
    except zoneinfo.ZoneInfoNotFoundError:
        return None


def entered(manager):
    manager.__enter__()
    OWNERS.append(manager)
    manager.__exit__(None, None, None)
    return manager


def pushed(stack, function):
    stack.callback(function, [1])
    return stack


def wrapped_bio():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x")


def sni_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = f()
    return context


def message_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context._msg_callback = f()
    return context


def registered(poll):
    poll.register(0)
    return poll


def selected(selector, data):
    pair = socket.socketpair()
    selector.register(pair[0], selectors.EVENT_READ, data)
    return selector, pair


def function_of(connection):
    connection.create_function("kept", 1, f())
    return connection


def collation_of(connection):
    connection.create_collation("kept", f())
    return connection


def aggregate_of(connection):
    connection.create_aggregate("kept", 1, type("A", (), {}))
    return connection


def trace_of(connection):
    connection.set_trace_callback(f())
    return connection


def progress_of(connection):
    connection.set_progress_handler(f(), 100)
    return connection


def authorizer_of(connection):
    connection.set_authorizer(lambda *args, kept=[1]: 0)
    return connection


def factory_of(connection):
    connection.row_factory = f()
    connection.text_factory = f()
    return connection


def rows_of(connection):
    connection.row_factory = sqlite3.Row
    return connection, connection.execute("select 1 as a").fetchall()


def structure():
    inner = type("Inner", (ctypes.Structure,), {"_fields_": [("x", ctypes.c_int), ("p", ctypes.c_void_p)]})
    return type("Outer", (ctypes.Structure,), {"_fields_": [("inner", inner), ("s", ctypes.c_char_p)]})()


def handlers(parser):
    parser.StartElementHandler = f()
    parser.EndElementHandler = f()
    parser.CharacterDataHandler = o().method
    parser.ExternalEntityRefHandler = f()
    return parser


def external(parser):
    return parser, parser.ExternalEntityParserCreate(None)


def intern_of(parser):
    return parser, parser.intern


def opened(builder):
    builder.start("a", {})
    return builder


def fed(parser):
    parser.feed("<a><b>text")
    return parser


def registered_abc():
    made = abc.ABCMeta("A", (), {})
    made.register(Sub)
    isinstance([], made)
    return made


def bad_hook():
    raise ImportError


def monitor():
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return None
    if monitoring.get_tool(4) is None:
        monitoring.use_tool_id(4, "kept")
    monitoring.register_callback(4, monitoring.events.PY_START, f())
    return None


def filled(items, order="C"):
    for index in np.ndindex(items.shape):
        items[index] = [index]
    return items.copy(order=order) if order != "C" else items


def structured(records, name):
    for record in records:
        record[name] = [1]
    return records


def strings():
    kind = getattr(getattr(np, "dtypes", None), "StringDType", None)
    return np.array(["text", "other"], dtype=kind()) if kind is not None else None
