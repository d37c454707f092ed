/* description.c - see description.h. */
#include "explain/description.h"

#include "base/describe.h"

#include <string.h>

enum { MOST_STEPS = 10 };

static char *
describe(void (*add)(yagot_text *, PyObject *), PyObject *object)
{
    yagot_text text = {0};
    add(&text, object);
    return yagot_text_take(&text);
}

/* "file:line < file:line", the newest frame first; empty if the object's allocation was not traced. */
static char *
describe_allocation(PyObject *get_traceback, PyObject *object)
{
    yagot_text text = {0};
    PyObject *frames = get_traceback != NULL ? PyObject_CallOneArg(get_traceback, object) : NULL;
    for (Py_ssize_t i = 0; frames != NULL && PyTuple_Check(frames) && i < PyTuple_GET_SIZE(frames) && i < 5; i++) {
        PyObject *frame = PyTuple_GET_ITEM(frames, i);
        if (PyTuple_Check(frame) && PyTuple_GET_SIZE(frame) == 2) {
            yagot_text_add(&text, i > 0 ? " < " : "");
            yagot_text_add_str(&text, PyTuple_GET_ITEM(frame, 0), 400);
            yagot_text_addf(&text, ":%ld", PyLong_AsLong(PyTuple_GET_ITEM(frame, 1)));
        }
    }
    Py_XDECREF(frames);
    PyErr_Clear();
    return yagot_text_take(&text);
}

static int
describe_step(yagot_findings *findings, PyObject *get_traceback, const yagot_step *step, yagot_step_text *text)
{
    text->text[0] = yagot_text_copy(step->object);
    text->text[1] = yagot_text_copy(step->path);
    text->text[2] = describe(yagot_add_contents, step->head);
    text->general = yagot_text_copy(step->general);
    memcpy(text->edges, step->edges, sizeof text->edges);
    text->edge_count = step->edge_count;
    text->maker = yagot_text_copy(step->maker != NULL ? step->maker : "");
    text->defined = describe(yagot_add_definition, step->head);
    text->waiting = findings->wants_repr ? Py_NewRef(step->head) : NULL;
    text->made = describe_allocation(get_traceback, step->head);
    bool complete = text->text[0] && text->text[1] && text->text[2] && text->general && text->maker && text->defined
                    && text->made;
    return yagot_identify(step->head, &text->identity) == 0 && complete ? 0 : -1;
}

/* The makers of all steps, a line each. */
static char *
describe_makers(const yagot_cycle *cycle)
{
    yagot_text text = {0};
    for (uint32_t i = 0; i < cycle->count; i++) {
        const char *maker = cycle->steps[i].maker;
        if (*maker != '\0' && (i == 0 || strcmp(maker, cycle->steps[i - 1].maker) != 0)) {
            yagot_text_add(&text, text.size > 0 ? "\n" : "");
            yagot_text_add(&text, maker);
        }
    }
    return yagot_text_take(&text);
}

/* The names of the steps that are not described, a line each; containers have none. */
static char *
describe_left_out(const yagot_cycle *cycle)
{
    yagot_text text = {0};
    size_t last = 0;        /* where the last name begins */
    for (uint32_t i = MOST_STEPS - 1; i + 1 < cycle->count && !text.failed; i++) {
        yagot_identity identity;
        yagot_text name = {0};
        if (yagot_identify(cycle->steps[i].head, &identity) < 0) {
            text.failed = true;
            break;
        }
        if (*identity.module != '\0' && strcmp(identity.module, "builtins") != 0) {
            yagot_text_addf(&name, "%s.%s", identity.module, identity.qualname);
        }
        if (name.size > 0 && (text.size == 0 || strcmp(yagot_text_get(&text) + last, yagot_text_get(&name)) != 0)) {
            yagot_text_add(&text, text.size > 0 ? "\n" : "");
            last = text.size;
            yagot_text_add(&text, yagot_text_get(&name));
        }
        text.failed |= name.failed;
        yagot_text_fini(&name);
        yagot_identity_fini(&identity);
    }
    return yagot_text_take(&text);
}

int
yagot_describe_steps(yagot_findings *findings, PyObject *get_traceback, const yagot_cycle *cycle,
                     yagot_finding *finding)
{
    finding->makers = describe_makers(cycle);
    finding->left_out = describe_left_out(cycle);
    finding->steps = PyMem_RawCalloc(MOST_STEPS, sizeof *finding->steps);
    for (uint32_t i = 0; finding->steps != NULL && i < cycle->count && finding->step_count < MOST_STEPS; i++) {
        bool last = finding->step_count == MOST_STEPS - 1;
        const yagot_step *step = &cycle->steps[last ? cycle->count - 1 : i];
        if (describe_step(findings, get_traceback, step, &finding->steps[finding->step_count++]) < 0) {
            return -1;
        }
    }
    return finding->makers != NULL && finding->left_out != NULL && finding->steps != NULL ? 0 : -1;
}

int
yagot_describe_object(yagot_findings *findings, yagot_finding *finding, PyObject *object, PyObject *get_traceback)
{
    char empty[] = "";
    yagot_step step = {.head = object, .object = describe(yagot_add_object, object), .path = empty};
    step.general = step.object;
    int result = -1;
    finding->steps = PyMem_RawCalloc(1, sizeof *finding->steps);
    if (step.object != NULL && finding->steps != NULL) {
        finding->step_count = 1;
        result = describe_step(findings, get_traceback, &step, &finding->steps[0]);
    }
    PyMem_RawFree(step.object);
    return result;
}
