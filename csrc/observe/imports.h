/* imports.h - observe: what was made while a module was imported.
 *
 * An import leaves cycles once, of class builders and decorators for example; nobody mends them, and which test is the
 * first to import something is chance. importlib's function that finds and loads a module that is not in sys.modules is
 * replaced by one that labels what is young at its end and was not there at its beginning. Where importlib has no
 * such function nothing is labelled.
 *
 * In:  the labels that are to be written to, and the collector; both outlive the imports.
 * Out: labels of what imports have made. Functions that return int give -1 with an exception set when they fail.
 */
#ifndef YAGOT_IMPORTS_H
#define YAGOT_IMPORTS_H

#include "observe/test_labels.h"

/* Lives as long as its ledger. */
typedef struct {
    PyObject *importlib;        /* owned; NULL unless the function is replaced */
    PyObject *original, *replacement;   /* owned */
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

/* Replaces the function by the method _on_import of an object; gives it back unless somebody has replaced it since.
 * -1 with an exception set. */
int yagot_imports_install(yagot_imports *imports, PyObject *object);
int yagot_imports_remove(yagot_imports *imports);
/* Labels what an import under way has made so far, if there is one: a collection is about to run. -1 with an exception
 * set. */
int yagot_imports_label(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc, uint32_t label);
/* To be called before a collection: takes the label from what has been made since the last import, at the address of
 * something that the import had made. -1 with an exception set. */
int yagot_imports_settle(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc);
/* The same where labels are read for the last time, or change: without the marker, an object that nobody expects. */
int yagot_imports_end(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc);
void yagot_imports_fini(yagot_imports *imports);
/* The original function, before and after which enter() and leave() are called; both keep an exception that is set. */
void yagot_imports_enter(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc);
void yagot_imports_leave(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc, uint32_t label);

#endif
