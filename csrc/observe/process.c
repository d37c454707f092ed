/* process.c - observe: what a process has, for those who ask whether it grows. */
#include "core.h"
#include "base/describe.h"

#include <malloc.h>

/* Adds one to a dict's number. */
static int
count_one(PyObject *counts, PyObject *key)
{
    PyObject *old = PyDict_GetItemWithError(counts, key);
    if (old == NULL && PyErr_Occurred()) {
        return -1;
    }
    PyObject *new = PyLong_FromSsize_t(old != NULL ? PyLong_AsSsize_t(old) + 1 : 1);
    int result = new != NULL ? PyDict_SetItem(counts, key, new) : -1;
    Py_XDECREF(new);
    return result;
}

PyObject *
yagot_type_name(PyTypeObject *type)
{
    yagot_text text = {0};
    yagot_add_type_name(&text, type);
    PyObject *name = text.failed ? PyErr_NoMemory() : PyUnicode_FromString(yagot_text_get(&text));
    yagot_text_fini(&text);
    return name;
}

static int
count_by_name(PyObject *by_name, PyTypeObject *type, PyObject *count)
{
    PyObject *name = yagot_type_name(type);
    PyObject *old = name != NULL ? PyDict_GetItemWithError(by_name, name) : NULL;
    PyObject *sum = name == NULL || PyErr_Occurred() ? NULL : old != NULL ? PyNumber_Add(old, count) : Py_NewRef(count);
    int result = sum != NULL ? PyDict_SetItem(by_name, name, sum) : -1;
    Py_XDECREF(name);
    Py_XDECREF(sum);
    return result;
}

PyObject *
yagot_count_types(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    yagot_state *state = PyModule_GetState(module);
    PyObject *list = PyObject_CallNoArgs(state->gc_get_objects);
    PyObject *by_type = PyDict_New(), *by_name = PyDict_New(), *type, *count;
    int result = list != NULL && by_type != NULL && by_name != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        result = count_one(by_type, (PyObject *)Py_TYPE(PyList_GET_ITEM(list, i)));
    }
    Py_ssize_t position = 0;
    while (result == 0 && PyDict_Next(by_type, &position, &type, &count)) {
        result = count_by_name(by_name, (PyTypeObject *)type, count);
    }
    Py_XDECREF(list);
    Py_XDECREF(by_type);
    if (result < 0) {
        Py_CLEAR(by_name);
    }
    return by_name;
}

PyObject *
yagot_heap_bytes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))
    struct mallinfo2 info = mallinfo2();
    return PyLong_FromSize_t(info.uordblks + info.hblkhd);
#else
    Py_RETURN_NONE;
#endif
}
