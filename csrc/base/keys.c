/* keys.c - see keys.h. */
#include "base/keys.h"

int
yagot_keys_init(PyObject **keys, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i] == NULL && (keys[i] = PyUnicode_InternFromString(names[i])) == NULL) {
            return -1;
        }
    }
    return 0;
}

void
yagot_keys_fini(PyObject **keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Py_CLEAR(keys[i]);
    }
}

int
yagot_keys_set(PyObject *dict, PyObject *key, PyObject *value)
{
    int result = value != NULL ? PyDict_SetItem(dict, key, value) : -1;
    Py_XDECREF(value);
    return result;
}
