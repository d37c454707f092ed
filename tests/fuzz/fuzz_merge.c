/* fuzz_merge.c - a libFuzzer target: any bytes as a JUnit file to merge. `./dev fuzz` builds and runs it.
 *
 * What is read must be written as a report, whole or in parts, that reads back with as many test cases; read once more, it
 * adds none. What is refused must be refused with ValueError. The core is part of the program, in an interpreter of its own.
 */
#include "core.h"

#include <libxml/xmlmemory.h>
#include <sys/mman.h>
#include <unistd.h>

PyMODINIT_FUNC PyInit__core(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PyObject *merger_type;

static void
insist(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_merge: %s\n", what);
        if (PyErr_Occurred()) {
            PyErr_Print();
        }
        abort();
    }
}

int
LLVMFuzzerInitialize(int *Py_UNUSED(argc), char ***Py_UNUSED(argv))
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    PyImport_AppendInittab("_core", PyInit__core);
    insist(!PyStatus_Exception(Py_InitializeFromConfig(&config)), "no interpreter");
    PyConfig_Clear(&config);
    PyObject *core = PyImport_ImportModule("_core");
    insist(core != NULL, "no core");
    merger_type = PyObject_GetAttrString(core, "JUnitMerger");
    insist(merger_type != NULL, "no merger");
    Py_DECREF(core);
    return 0;
}

static int
memory_file(const char *name)
{
    int file = memfd_create(name, MFD_CLOEXEC);
    insist(file >= 0, "memfd_create");
    return file;
}

static PyObject *
new_merger(const char *duplicates)
{
    PyObject *merger = PyObject_CallFunction(merger_type, "iis", memory_file("spool"), memory_file("table"), duplicates);
    insist(merger != NULL, "JUnitMerger()");
    return merger;
}

/* False if the file was refused. */
static int
read_file(PyObject *merger, int file, const char *prefix)
{
    insist(lseek(file, 0, SEEK_SET) == 0, "lseek");
    PyObject *done = PyObject_CallMethod(merger, "read", "is", file, prefix);
    if (done == NULL) {
        insist(PyErr_ExceptionMatches(PyExc_ValueError), "read() raised something else than ValueError");
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(done);
    return 1;
}

static long
count_cases(PyObject *merger)
{
    PyObject *count = PyObject_GetAttrString(merger, "cases");
    insist(count != NULL, "cases");
    long cases = PyLong_AsLong(count);
    Py_DECREF(count);
    return cases;
}

static void
look_at_notes(PyObject *merger)
{
    static const char *const names[] = {"duplicates", "missing", "times"};
    for (int i = 0; i < 3; i++) {
        PyObject *notes = PyObject_GetAttrString(merger, names[i]);
        insist(notes != NULL, names[i]);
        Py_DECREF(notes);
    }
}

/* Writes what the merger has, in parts of so many cases, and reads it back. */
static void
write_and_read_back(PyObject *merger, long cases, Py_ssize_t part)
{
    PyObject *back = new_merger("keep");
    for (int more = 1; more;) {
        int out = memory_file("out");
        PyObject *left = PyObject_CallMethod(merger, "write", "isnn", out, "yagot", part, (Py_ssize_t)0);
        insist(left != NULL, "write()");
        more = left == Py_True;
        Py_DECREF(left);
        insist(read_file(back, out, ""), "what was written cannot be read");
        (void)close(out);
    }
    insist(count_cases(back) == cases, "test cases were lost or added");
    Py_DECREF(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const policies[] = {"worst", "last"};
    int in = memory_file("in");
    insist(write(in, data, size) == (ssize_t)size, "write");
    const char *prefix = size % 2 == 0 ? "" : "shard";
    PyObject *merger = new_merger(policies[size / 2 % 2]);
    if (read_file(merger, in, prefix)) {
        long cases = count_cases(merger);
        insist(read_file(merger, in, prefix), "a file that was read cannot be read again");
        insist(count_cases(merger) == cases, "a file that was read twice has other test cases");
        look_at_notes(merger);
        write_and_read_back(merger, cases, (Py_ssize_t)(size % 3) * 2);
    }
    Py_DECREF(merger);
    (void)close(in);
    return 0;
}
