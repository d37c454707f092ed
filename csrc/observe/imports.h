/* imports.h - observe: what was made while a module was imported.
 *
 * An import leaves cycles once, of class builders and decorators for example; nobody mends them, and which test is the
 * first to import something is chance. What a reload leaves, or a module that is executed when it is first used, is of
 * the same kind. The functions of importlib that find and load a module, or execute its code, are replaced by one that
 * notes where in the youngest generation their objects begin and end. Where importlib has no such functions nothing is
 * labelled.
 *
 * In:  the labels that are to be written to, and the collector; both outlive the imports.
 * Out: labels of what imports have made. Functions that return int give -1 with an exception set when they fail.
 */
#ifndef YAGOT_IMPORTS_H
#define YAGOT_IMPORTS_H

#include "observe/test_labels.h"

#define YAGOT_IMPORT_FUNCTIONS 3
#define YAGOT_IMPORT_SPANS 256  /* that wait for each other at most */

typedef struct {
    PyObject *original, *replacement;   /* owned; NULL unless it is replaced */
} yagot_import_function;

/* What was made in an outermost import, by its place in the youngest generation. */
typedef struct {
    PyObject *begin, *end;      /* owned: markers, which are put before and behind what it makes */
    bool ended;                 /* else it is under way, and its end is somewhere else */
    const void *namespace;      /* that it executes code in, or NULL: never dereferenced, for it may have gone */
} yagot_import_span;

/* Lives as long as its ledger. The markers are made once, so that a test that counts objects counts the same whatever
 * is imported. */
typedef struct {
    yagot_import_function functions[YAGOT_IMPORT_FUNCTIONS];
    bool installed;
    unsigned depth;             /* of imports under way, in all threads */
    yagot_import_span spans[YAGOT_IMPORT_SPANS];    /* the first `count`: of imports that have no labels yet */
    size_t count;
    PyObject *settled;          /* owned: the marker that the last span with labels has ended with … */
    bool has_settled;           /* … if there is one */
    bool used, hidden;          /* markers are among what is young; the collector does not know them */
    Py_ssize_t listed;          /* objects were young at the last import that was labelled; 0: not known */
    /* on free-threaded builds: */
    yagot_idtable before;       /* all that was there when the outermost began */
    const void **labelled;      /* owned array: addresses that were labelled before it has ended */
    size_t labelled_count, labelled_room;
} yagot_imports;

/* Replaces the functions by the method _on_import of an object, which is given the original first; gives those back
 * that nobody has replaced since. -1 with an exception set. */
int yagot_imports_install(yagot_imports *imports, PyObject *object);
int yagot_imports_remove(yagot_imports *imports);
int yagot_imports_traverse(yagot_imports *imports, visitproc visit, void *arg);
void yagot_imports_clear(yagot_imports *imports);
/* Labels what imports have made since labels were last put, also one that is under way; takes the label from what has
 * been made since, at the address of something that an import had made. To be called before a collection, and where the
 * window changes: all get the same label, yagot_label_of_import(labels, in_window). The namespace that code is executed
 * in is the import's, also if the test has made it, with module_from_spec(). -1 with an exception set. */
int yagot_imports_settle(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc, bool in_window);
/* The same where labels are read for the last time, or change. No marker is among what is young afterwards. */
int yagot_imports_end(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc, bool in_window);
/* Has the collector see all markers, before what is young is set aside. */
void yagot_imports_show_markers(yagot_imports *imports);
void yagot_imports_fini(yagot_imports *imports);
/* To be called before an original, with the namespace that it executes code in, or NULL, and after it; both keep an
 * exception that is set. */
void yagot_imports_enter(yagot_imports *imports, PyObject *namespace, yagot_gc *gc);
void yagot_imports_leave(yagot_imports *imports, yagot_labels *labels, yagot_gc *gc, bool in_window);

#endif
