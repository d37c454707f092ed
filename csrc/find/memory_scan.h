/* memory_scan.h - find: references in memory that no traversal shows.
 *
 * In:  the holders, and objects that exist; both stay the caller's.
 * Out: the wanted objects' counts, less what was found. Nothing fails, and no Python code runs.
 */
#ifndef YAGOT_WORDS_H
#define YAGOT_WORDS_H

#include "find/holders.h"

/* Every word there that is the address of a wanted object; how many were. size: in bytes. */
Py_ssize_t yagot_subtract_words(yagot_holders *holders, const void *memory, size_t size);
/* Those in the body of an object that has no traverse function. */
void yagot_subtract_body(yagot_holders *holders, PyObject *object);
/* The references that an object holds where its traverse function does not show them; how many there were. */
Py_ssize_t yagot_subtract_hidden(yagot_holders *holders, PyObject *object);
/* Untracked objects whose addresses lie in an object's body: few traverse functions show strings. */
void yagot_subtract_untracked(yagot_holders *holders, PyObject *object);

/* The size of an object's body as far as what it holds may hide there: 0 if none does. */
size_t yagot_body_size(const yagot_holders *holders, PyObject *object);
/* How often a traversal of an object shows another one. */
Py_ssize_t yagot_count_shown(PyObject *object, PyObject *wanted);
/* How often that of its C type does: what hides in its body is compared with this. */
Py_ssize_t yagot_count_shown_of_body(const yagot_holders *holders, PyObject *object, PyObject *wanted);
/* The C type that an object is of: its own, or of a class written in Python the nearest base that is not. */
PyTypeObject *yagot_c_type_of(const yagot_holders *holders, PyObject *object);

#endif
