/* junit_merger.c - report: the Python type that reads JUnit files and writes one. See junit_spool.h. */
#include "report/junit_output.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    PyObject_HEAD
    yagot_spool spool;
    yagot_cursor next;          /* what is written next */
} merger;

static int
read_policy(const char *name)
{
    static const char *const names[] = {"keep", "last", "worst"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    PyErr_Format(PyExc_ValueError, "duplicates must be 'keep', 'last' or 'worst', not '%.50s'", name);
    return -1;
}

static PyObject *
merger_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"spool", "table", "duplicates", NULL};
    int file, table;
    const char *duplicates = "worst";
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "ii|s:JUnitMerger", names, &file, &table, &duplicates)) {
        return NULL;
    }
    int policy = read_policy(duplicates);
    merger *self = policy >= 0 ? (merger *)type->tp_alloc(type, 0) : NULL;
    if (self == NULL) {
        (void)close(file);
        (void)close(table);
        return NULL;
    }
    if (yagot_spool_init(&self->spool, file, table, (yagot_policy)policy) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void
merger_dealloc(merger *self)
{
    PyTypeObject *type = Py_TYPE(self);
    yagot_spool_fini(&self->spool);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(read_doc,
"read($self, file, prefix='', /)\n--\n\n"
"Adds what a JUnit XML file holds, a descriptor, which stays open; prefix and a dot come before the names of its\n"
"suites and classes. Raises ValueError(text, damaged), and keeps what was read before the error; damaged: the file is\n"
"no good XML.");

static PyObject *
merger_read(merger *self, PyObject *args)
{
    int file;
    const char *prefix = "";
    yagot_read_error error;
    if (!PyArg_ParseTuple(args, "i|s:read", &file, &prefix)) {
        return NULL;
    }
    yagot_spool_unmap(&self->spool);
    if (yagot_spool_read(&self->spool, file, prefix, &error) < 0) {
        if (!PyErr_Occurred()) {
            PyObject *values = Py_BuildValue("sO", error.text, error.damaged ? Py_True : Py_False);
            if (values != NULL) {
                PyErr_SetObject(PyExc_ValueError, values);
                Py_DECREF(values);
            }
        }
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(write_doc,
"write($self, file, name, cases=0, bytes=0, /)\n--\n\n"
"Writes a report with what was not written yet, with at most so many cases and about so many bytes (0: no\n"
"limit) to a descriptor, which stays open. name: the report's, where no file has one. Returns whether anything is\n"
"left. Raises OSError.");

static PyObject *
merger_write(merger *self, PyObject *args)
{
    int file;
    const char *name;
    long long cases = 0, bytes = 0;
    if (!PyArg_ParseTuple(args, "is|LL:write", &file, &name, &cases, &bytes)) {
        return NULL;
    }
    if (yagot_write_report(&self->spool, &self->next, file, name, cases, bytes) < 0) {
        return NULL;
    }
    return PyBool_FromLong(self->next.suite != YAGOT_NONE);
}

static PyObject *
merger_cases(merger *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(self->spool.cases);
}

/* What is noted, as a number and the first lines. */
static PyObject *
merger_notes(merger *self, void *which)
{
    const yagot_notes *all[] = {&self->spool.notes.duplicates, &self->spool.notes.missing, &self->spool.notes.times};
    const yagot_notes *notes = all[(size_t)(uintptr_t)which];
    if (notes->examples.failed) {
        return PyErr_NoMemory();
    }
    Py_ssize_t size = (Py_ssize_t)notes->examples.size;
    PyObject *text = PyUnicode_DecodeUTF8(yagot_text_get(&notes->examples), size, "replace");
    PyObject *lines = text != NULL ? PyUnicode_Splitlines(text, 0) : NULL;
    Py_XDECREF(text);
    return lines != NULL ? Py_BuildValue("nN", notes->count, lines) : NULL;
}

static PyMethodDef merger_methods[] = {
    {"read", (PyCFunction)merger_read, METH_VARARGS, read_doc},
    {"write", (PyCFunction)merger_write, METH_VARARGS, write_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef merger_getset[] = {
    {"cases", (getter)merger_cases, NULL, "test cases read, without duplicates", NULL},
    {"duplicates", (getter)merger_notes, NULL, "cases that another file had: a number, and the first", (void *)0},
    {"missing", (getter)merger_notes, NULL, "suites with fewer cases than they say: so, too", (void *)1},
    {"times", (getter)merger_notes, NULL, "times that could not be read: so, too", (void *)2},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(merger_doc,
"JUnitMerger(spool, table, duplicates='worst')\n--\n\n"
"Reads JUnit XML files and writes one. spool and table are descriptors of empty files, which it takes over: what is\n"
"read lies there meanwhile; in memory 14 bytes a test case and 10 a suite stay. Of a case that is in several files\n"
"the worst or the last result stays, or all are kept.");

static PyType_Slot merger_slots[] = {
    {Py_tp_doc, (void *)merger_doc}, {Py_tp_new, merger_new}, {Py_tp_dealloc, merger_dealloc},
    {Py_tp_methods, merger_methods}, {Py_tp_getset, merger_getset}, {0, NULL},
};

static PyType_Spec merger_spec = {
    .name = "yagot._core.JUnitMerger",
    .basicsize = sizeof(merger),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = merger_slots,
};

int
yagot_merger_ready(PyObject *module, yagot_state *state)
{
    state->merger_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &merger_spec, NULL);
    return state->merger_type != NULL ? PyModule_AddType(module, state->merger_type) : -1;
}
