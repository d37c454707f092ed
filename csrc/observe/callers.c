/* callers.c - observe: the extension module, and the function in it, that has called Python's allocator.
 *
 * The C stack is unwound by the compiler's runtime, up to the first frame that is neither the interpreter's, nor the
 * C library's, nor ours. It ends at the evaluation of Python code: what called that has allocated nothing.
 */
#include "observe/growth.h"

#if defined(__linux__) && defined(__GNUC__)

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <unwind.h>

enum { DEEPEST = 16, MOST_RANGES = 16 };

typedef struct {
    uintptr_t start, end;
} range;

static range left_out[MOST_RANGES];
static size_t left_out_count;
static uintptr_t evaluator;         /* where the function that evaluates Python code begins; 0: unknown */

static bool
is_in(const struct dl_phdr_info *object, uintptr_t address)
{
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && address >= start && address - start < header->p_memsz) {
            return true;
        }
    }
    return false;
}

static void
leave_out(const struct dl_phdr_info *object)
{
    for (size_t i = 0; i < object->dlpi_phnum && left_out_count < MOST_RANGES; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && (header->p_flags & PF_X)) {
            uintptr_t start = object->dlpi_addr + header->p_vaddr;
            left_out[left_out_count++] = (range){start, start + header->p_memsz};
        }
    }
}

/* The real addresses of functions of the interpreter, the C library and the unwinder; ours is this file's. */
static int
on_object(struct dl_phdr_info *object, size_t Py_UNUSED(size), void *arg)
{
    const uintptr_t *inside = arg;
    for (size_t i = 0; inside[i] != 0; i++) {
        if (is_in(object, inside[i])) {
            leave_out(object);
            break;
        }
    }
    return 0;
}

void
yagot_find_modules(void)
{
    uintptr_t inside[] = {
        (uintptr_t)&yagot_find_modules, (uintptr_t)PyList_Type.tp_dealloc, (uintptr_t)dlsym(RTLD_DEFAULT, "abort"),
        (uintptr_t)dlsym(RTLD_DEFAULT, "_Unwind_Backtrace"), 0, 0,
    };
    if (inside[3] == 0) {
        inside[3] = (uintptr_t)&_Unwind_Backtrace;
    }
    evaluator = (uintptr_t)dlsym(RTLD_DEFAULT, "_PyEval_EvalFrameDefault");
    left_out_count = 0;
    (void)dl_iterate_phdr(on_object, inside);
}

typedef struct {
    uintptr_t found;
    int depth;
} search;

static _Unwind_Reason_Code
on_frame(struct _Unwind_Context *context, void *arg)
{
    search *s = arg;
    uintptr_t address = (uintptr_t)_Unwind_GetIP(context);
    if (s->depth++ == DEEPEST || address == 0 || (uintptr_t)_Unwind_GetRegionStart(context) == evaluator) {
        return _URC_END_OF_STACK;
    }
    for (size_t i = 0; i < left_out_count; i++) {
        if (address >= left_out[i].start && address < left_out[i].end) {
            return _URC_NO_REASON;
        }
    }
    s->found = address - 1;         /* in the call, not behind it */
    return _URC_END_OF_STACK;
}

uintptr_t
yagot_calling_module(void)
{
    search s = {0};
    (void)_Unwind_Backtrace(on_frame, &s);
    return s.found;
}

PyObject *
yagot_caller_name(uintptr_t address)
{
    Dl_info info;
    if (address == 0 || dladdr((void *)address, &info) == 0 || info.dli_fname == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *file = PyUnicode_DecodeFSDefault(info.dli_fname);
    if (file == NULL) {
        return NULL;
    }
    return Py_BuildValue("(Nzn)", file, info.dli_sname, (Py_ssize_t)(address - (uintptr_t)info.dli_fbase));
}

#else

void
yagot_find_modules(void)
{
}

uintptr_t
yagot_calling_module(void)
{
    return 0;
}

PyObject *
yagot_caller_name(uintptr_t address)
{
    (void)address;
    Py_RETURN_NONE;
}

#endif
