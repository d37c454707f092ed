/* findings.c - see findings.h. libxml2's tables keep the names and the causes. */
#include "explain/findings.h"

#include "base/array.h"
#include "base/keys.h"

#include <string.h>

enum { SHAPES = 1 << 12, MOST_KNOWN = 5000 };

int
yagot_findings_init(yagot_findings *findings)
{
    memset(findings, 0, sizeof *findings);
    findings->names = xmlDictCreate();
    findings->by_cause = xmlHashCreate(16);
    if (findings->names == NULL || findings->by_cause == NULL) {
        yagot_findings_fini(findings);
        return -1;
    }
    return 0;
}

static void
finding_fini(yagot_finding *finding)
{
    for (uint32_t i = 0; i < finding->step_count; i++) {
        yagot_step_text *step = &finding->steps[i];
        for (size_t j = 0; j < 3; j++) {
            PyMem_RawFree(step->text[j]);
        }
        PyMem_RawFree(step->general);
        PyMem_RawFree(step->maker);
        yagot_identity_fini(&step->identity);
        PyMem_RawFree(step->defined);
        PyMem_RawFree(step->made);
        Py_XDECREF(step->waiting);
    }
    PyMem_RawFree(finding->steps);
    PyMem_RawFree(finding->concrete);
    PyMem_RawFree(finding->makers);
    PyMem_RawFree(finding->left_out);
    PyMem_RawFree(finding->cause.text);
    PyMem_RawFree(finding->cause.parts);
    yagot_hops_free(finding->hops, finding->hop_count);
    PyMem_RawFree(finding->amounts.types.items);
    PyMem_RawFree(finding->amounts.survivor_types.items);
}

void
yagot_findings_fini(yagot_findings *findings)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        finding_fini(&findings->items[i]);
    }
    PyMem_RawFree(findings->items);
    PyMem_RawFree(findings->shapes);
    if (findings->names != NULL) {
        xmlDictFree(findings->names);
    }
    if (findings->by_cause != NULL) {
        xmlHashFree(findings->by_cause, NULL);
    }
    Py_XDECREF(findings->modules);
    yagot_keys_fini(findings->keys, YAGOT_KEYS);
    if (findings->known != NULL) {
        xmlHashFree(findings->known, NULL);
    }
    yagot_forms_fini(&findings->forms);
    yagot_sizers_fini(&findings->sizers);
    memset(findings, 0, sizeof *findings);
}

int
yagot_findings_clear(yagot_findings *findings)
{
    if (findings->count == 0 && findings->names != NULL) {
        return 0;
    }
    const yagot_findings old = *findings;
    PyObject *modules = Py_XNewRef(findings->modules);
    findings->known = NULL;             /* it, the forms, the sizers and the keys outlive the window */
    findings->forms = (yagot_forms){0};
    memset(findings->sizers, 0, sizeof findings->sizers);
    memset(findings->keys, 0, sizeof findings->keys);
    yagot_findings_fini(findings);
    int result = yagot_findings_init(findings);
    findings->wants_repr = old.wants_repr;
    findings->modules = modules;
    findings->once = old.once;
    findings->known = old.known;
    findings->forms = old.forms;
    findings->recognised = old.recognised;
    memcpy(findings->keys, old.keys, sizeof old.keys);
    memcpy(findings->sizers, old.sizers, sizeof old.sizers);
    return result;
}

/* The second key of a hash entry: a number as text. */
static const xmlChar *
number_key(uint32_t number, char *buffer, size_t size)
{
    PyOS_snprintf(buffer, size, "%u", number);
    return (const xmlChar *)buffer;
}

static const xmlChar *
general_of(const yagot_finding *finding)
{
    return (const xmlChar *)(finding->cause.text != NULL ? finding->cause.text : "");
}

bool
yagot_findings_is_known(const yagot_findings *findings, const yagot_finding *finding)
{
    char buffer[16];
    return findings->known != NULL
           && xmlHashLookup3(findings->known, (const xmlChar *)finding->concrete, general_of(finding),
                             number_key(finding->cycle_length, buffer, sizeof buffer)) != NULL;
}

void
yagot_findings_add_known(yagot_findings *findings, const yagot_finding *finding)
{
    char buffer[16];
    if (findings->known == NULL) {
        findings->known = xmlHashCreate(16);
    }
    /* A cause that finds no room is described again: slower, not wrong. */
    if (findings->known != NULL && xmlHashSize(findings->known) < MOST_KNOWN) {
        (void)xmlHashAddEntry3(findings->known, (const xmlChar *)finding->concrete, general_of(finding),
                               number_key(finding->cycle_length, buffer, sizeof buffer), (void *)findings);
    }
}

uint32_t
yagot_findings_find(yagot_findings *findings, const char *concrete, uint32_t label)
{
    char buffer[16];
    uintptr_t place = (uintptr_t)xmlHashLookup2(findings->by_cause, (const xmlChar *)concrete,
                                                number_key(label, buffer, sizeof buffer));
    return (uint32_t)place - 1;
}

uint32_t
yagot_findings_add(yagot_findings *findings, char *concrete, uint32_t label)
{
    char buffer[16];
    yagot_finding *grown = yagot_array_grow(findings->items, findings->count, &findings->room, sizeof *grown);
    if (grown == NULL) {
        PyMem_RawFree(concrete);
        return YAGOT_NONE;
    }
    findings->items = grown;
    uintptr_t place = (uintptr_t)findings->count + 1;
    if (xmlHashAddEntry2(findings->by_cause, (const xmlChar *)concrete,
                         number_key(label, buffer, sizeof buffer), (void *)place) != 0) {
        PyMem_RawFree(concrete);
        return YAGOT_NONE;
    }
    findings->items[findings->count] = (yagot_finding){.concrete = concrete, .label = label};
    return findings->count++;
}

/* -- shapes --------------------------------------------------------------------------------------- */

static uint32_t
shape_place(yagot_findings *findings, uint64_t shape)
{
    uint32_t i = (uint32_t)(shape >> 40) & (SHAPES - 1);
    while (findings->shapes[i].key != 0 && findings->shapes[i].key != shape) {
        i = (i + 1) & (SHAPES - 1);
    }
    return i;
}

uint32_t
yagot_findings_shape(yagot_findings *findings, uint64_t shape)
{
    if (findings->shapes == NULL) {
        return YAGOT_NONE;
    }
    uint32_t place = shape_place(findings, shape);
    return findings->shapes[place].key == shape ? findings->shapes[place].finding : YAGOT_NONE;
}

void
yagot_findings_forget_shapes(yagot_findings *findings)
{
    PyMem_RawFree(findings->shapes);
    findings->shapes = NULL;
    findings->shape_count = 0;
}

void
yagot_findings_add_shape(yagot_findings *findings, uint64_t shape, uint32_t finding)
{
    if (findings->shapes == NULL) {
        findings->shapes = PyMem_RawCalloc(SHAPES, sizeof *findings->shapes);
    }
    /* A shape that finds no room is explained again: slower, not wrong. */
    if (findings->shapes != NULL && findings->shape_count < SHAPES / 2) {
        uint32_t place = shape_place(findings, shape);
        findings->shape_count += findings->shapes[place].key == 0;
        findings->shapes[place].key = shape;
        findings->shapes[place].finding = finding;
    }
}

/* -- types ---------------------------------------------------------------------------------------- */

int
yagot_finding_count(yagot_finding *finding, const char *name, bool survivor)
{
    *(survivor ? &finding->amounts.survivors : &finding->amounts.objects) += 1;
    yagot_type_counts *types = survivor ? &finding->amounts.survivor_types : &finding->amounts.types;
    for (size_t i = 0; i < types->count; i++) {
        if (types->items[i].name == name) {
            types->items[i].count++;
            return 0;
        }
    }
    yagot_type_count *grown = yagot_array_grow(types->items, types->count, &types->room, sizeof *grown);
    if (grown == NULL) {
        return -1;
    }
    types->items = grown;
    types->items[types->count++] = (yagot_type_count){name, 1};
    return 0;
}

void
yagot_finding_uncount(yagot_finding *finding, const char *name)
{
    const yagot_type_counts *types = &finding->amounts.types;
    finding->amounts.objects--;
    for (size_t i = 0; i < types->count; i++) {
        types->items[i].count -= types->items[i].name == name;
    }
}

void
yagot_finding_add_share(yagot_finding *finding, const yagot_share *share)
{
    finding->amounts.count += share->count;
    finding->amounts.entangled += share->entangled;
    finding->amounts.cyclic += share->cyclic;
    finding->amounts.bytes += share->bytes;
}

void
yagot_finding_take_share(yagot_finding *finding, const yagot_share *share)
{
    finding->amounts.count -= share->count;
    finding->amounts.entangled -= share->entangled;
    finding->amounts.cyclic -= share->cyclic;
    finding->amounts.bytes -= share->bytes;
}

void
yagot_findings_describe(yagot_findings *findings, PyObject *describe)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        for (uint32_t j = 0; j < findings->items[i].step_count; j++) {
            yagot_step_text *step = &findings->items[i].steps[j];
            if (step->waiting == NULL) {
                continue;
            }
            PyObject *answer = PyObject_CallOneArg(describe, step->waiting);
            yagot_text text = {0};
            yagot_text_add_str(&text, answer, 2000);
            char *taken = answer != NULL ? yagot_text_take(&text) : NULL;
            if (taken != NULL) {
                PyMem_RawFree(step->text[2]);
                step->text[2] = taken;
            }
            Py_XDECREF(answer);
            PyErr_Clear();
            Py_CLEAR(step->waiting);
        }
    }
}
