/* imports.h - observe: what was made while a module was imported.
 *
 * An import leaves cycles once, of class builders and decorators for example; nobody mends them, and which test is the
 * first to import something is chance. What a reload leaves, or a module that is executed when it is first used, is of
 * the same kind. The functions of importlib that find and load a module, or execute its code, are replaced by one that
 * labels what is young at their end and was not there at their beginning. Where importlib has no such functions
 * nothing is labelled.
 *
 * In:  the labels that are to be written to, and the collector; both outlive the imports.
 * Out: labels of what imports have made. Functions that return int give -1 with an exception set when they fail.
 */
#ifndef YAGOT_IMPORTS_H
#define YAGOT_IMPORTS_H

#include "observe/test_labels.h"

#define YAGOT_IMPORT_FUNCTIONS 3

typedef struct {
    PyObject *original, *replacement;   /* owned; NULL unless it is replaced */
} yagot_import_function;

/* Lives as long as its ledger. */
typedef struct {
    yagot_import_function functions[YAGOT_IMPORT_FUNCTIONS];
    bool installed;
    unsigned depth;             /* of imports under way, in all threads */
    bool noted;                 /* what was young when the outermost began: */
    PyObject *marker;           /* owned: what is behind it in the youngest generation is new; NULL: all is, since a
                                 * collection has run */
    yagot_idtable before;       /* on free-threaded builds: all that was there */
    const void **labelled;      /* owned array, on free-threaded builds: addresses that a collection has labelled */
    size_t labelled_count, labelled_room;
    PyObject *ended;            /* owned; a marker again: what is behind it was made after the window's last import; or
                                 * NULL */
    uint32_t ended_label;       /* that import's label */
} yagot_imports;

/* Replaces the functions by the method _on_import of an object, which is given the original first; gives those back
 * that nobody has replaced since. -1 with an exception set. */
int yagot_imports_install(yagot_imports *imports, PyObject *object);
int yagot_imports_remove(yagot_imports *imports);
int yagot_imports_traverse(yagot_imports *imports, visitproc visit, void *arg);
void yagot_imports_clear(yagot_imports *imports);
/* Labels what an import under way has made so far, if there is one: a collection is about to run. -1 with an exception
 * set. */
int yagot_imports_label(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc, uint32_t label);
/* To be called before a collection: takes the label from what has been made since the last import, at the address of
 * something that the import had made. -1 with an exception set. */
int yagot_imports_settle(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc);
/* The same where labels are read for the last time, or change: without the marker, an object that nobody expects. */
int yagot_imports_end(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc);
void yagot_imports_fini(yagot_imports *imports);
/* To be called before and after an original, with the namespace that it executes code in, or NULL; both keep an
 * exception that is set. */
void yagot_imports_enter(yagot_imports *imports, PyObject *namespace, yagot_labels *labels, yagot_gc *gc,
                         uint32_t label);
void yagot_imports_leave(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc, uint32_t label);

#endif
