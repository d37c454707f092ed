/* c_variables.c - find: references in the data of shared libraries, of the interpreter, and in this thread's variables.
 *
 * The interpreter's data has signal handlers, hooks, codecs, callbacks of sys.monitoring and more that no traversal
 * shows. It also has free lists and caches that know objects without holding them: these are emptied or passed over. Of
 * libraries only the data itself counts: what that leads to may be memory they keep for later, full of old words.
 */
#include "find/reach.h"

#include <link.h>
#include <stdlib.h>

/* -- what the interpreter's data has of objects that it does not hold -------------------------------- */

enum { FREE_LIST = 100 };       /* more than the interpreter keeps of dead lists and dicts */

/* Fills the arrays of dead lists and dicts with new ones: what was there may be the address of one in use. */
static void
overwrite_free_lists(void)
{
    PyObject *lists[FREE_LIST], *dicts[FREE_LIST];
    for (int i = 0; i < FREE_LIST; i++) {
        lists[i] = PyList_New(0);
        dicts[i] = PyDict_New();
    }
    for (int i = 0; i < FREE_LIST; i++) {
        Py_XDECREF(lists[i]);
        Py_XDECREF(dicts[i]);
    }
    PyErr_Clear();
}

/* A cache of functions by version has each beside its code. */
static bool
is_function_beside_its_code(PyObject *function, const uintptr_t *words, size_t left)
{
    return PyFunction_Check(function) && left > 1 && words[1] == (uintptr_t)PyFunction_GET_CODE(function);
}

/* A list that the interpreter hides from the collector, as that of audit hooks. A dead one has no references. */
static void
search_hidden_list(yagot_reach *r, uintptr_t word)
{
    yagot_block block;
    PyListObject list;
    bool list_of_ours = yagot_memory_block(r->memory, word, &block) && word == block.start + 2 * sizeof word
                        && yagot_memory_read(r->memory, word, &list, sizeof list) == sizeof list
                        && Py_TYPE(&list) == &PyList_Type && Py_REFCNT(&list) > 0 && Py_SIZE(&list) > 0;
    if (list_of_ours && !yagot_is_tracked((PyObject *)word)
        && yagot_idtable_get(&r->h->walk.seen, (void *)word) == YAGOT_NONE) {
        yagot_reach_range(r, list.ob_item, (size_t)Py_SIZE(&list) * sizeof word, false);
    }
}

static void
search_interpreter(yagot_reach *r, const uintptr_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        search_hidden_list(r, words[i]);
        uint32_t index = yagot_holders_find(r->h, (PyObject *)words[i]);
        if (index != YAGOT_NONE && r->h->wanted->refs[index] > 0
            && !is_function_beside_its_code((PyObject *)words[i], &words[i], count - i)) {
            r->h->wanted->refs[index]--;
        }
    }
}

/* An interpreter or thread that is not part of the library's data. */
static void
search_block(yagot_reach *r, const void *address, size_t size)
{
    yagot_block block;
    if (yagot_memory_block(r->memory, (uintptr_t)address, &block)) {
        search_interpreter(r, address, (size < block.size ? size : block.size) / sizeof(uintptr_t));
    }
}

static void
search_interpreters_blocks(yagot_reach *r)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    search_block(r, interpreter, SIZE_MAX);
    for (PyThreadState *t = PyInterpreterState_ThreadHead(interpreter); t != NULL; t = PyThreadState_Next(t)) {
        search_block(r, t, sizeof *t);
    }
}

/* -- data of libraries ------------------------------------------------------------------------------- */

static bool
has_address(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && address - start < info->dlpi_phdr[i].p_memsz) {
            return true;
        }
    }
    return false;
}

static void
search_variables(yagot_reach *r, const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum && info->dlpi_tls_data != NULL; i++) {
        if (info->dlpi_phdr[i].p_type == PT_TLS) {
            yagot_reach_range(r, info->dlpi_tls_data, info->dlpi_phdr[i].p_memsz, false);
        }
    }
}

/* What is done with a part of the data of a library, of the interpreter's or of another one. */
typedef struct {
    yagot_reach *reach;
    void (*interpreters)(yagot_reach *, const uintptr_t *, size_t);
    bool others;                /* are they searched, too? */
} search;

static int
search_library(struct dl_phdr_info *info, size_t Py_UNUSED(size), void *arg)
{
    const search *s = arg;
    bool python = has_address(info, (uintptr_t)&PyType_Type);
    if (!python && (!s->others || has_address(info, (uintptr_t)&malloc))) {
        return 0;               /* it knows what is free; of a Python at a fixed address, only a stub of it is there */
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD || !(info->dlpi_phdr[i].p_flags & PF_W)) {
            continue;
        }
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, aligned = (start + 7) & ~(uintptr_t)7;
        size_t bytes = info->dlpi_phdr[i].p_memsz - (aligned - start);
        if (python) {
            s->interpreters(s->reach, (const uintptr_t *)aligned, bytes / sizeof(uintptr_t));
        }
        else {
            yagot_reach_range(s->reach, (const void *)aligned, bytes, false);
        }
    }
    if (!python) {
        search_variables(s->reach, info);
    }
    return 0;
}

void
yagot_reach_statics(yagot_reach *r)
{
    search all = {r, search_interpreter, true};
    overwrite_free_lists();
    (void)PyType_ClearCache();  /* it knows attributes of classes that are gone */
    search_interpreters_blocks(r);
    (void)dl_iterate_phdr(search_library, &all);
}

void
yagot_reach_beyond_statics(yagot_reach *r)
{
    search interpreters = {r, yagot_reach_buffers, false};
    (void)dl_iterate_phdr(search_library, &interpreters);
}
