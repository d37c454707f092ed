/* junit_reader.c - report: JUnit XML files into the spool, element by element.
 *
 * What is directly below a suite, or the root, is a record of its own: test cases, properties, output and what else is
 * there. It is written again as it is read. The names of elements lose their namespaces: JUnit has none.
 */
#include "report/junit_reading.h"

#include <string.h>

enum { WRITTEN_AT_ONCE = 1 << 15 };

/* -- what is written again ------------------------------------------------------------------------ */

static yagot_kind
result_of(const char *name)
{
    return strcmp(name, "error") == 0 ? YAGOT_ERROR : strcmp(name, "failure") == 0 ? YAGOT_FAILURE
           : strcmp(name, "skipped") == 0 ? YAGOT_SKIPPED : YAGOT_PASSED;
}

/* What is written goes to the spool, once it is much, or all of it. */
static void
write_out(yagot_reading *r, size_t least)
{
    size_t size;
    const char *bytes = yagot_xml_bytes(&r->xml, &size);
    if (bytes == NULL || (size > least && !r->xml.in_tag && yagot_spool_bytes(r->spool, bytes, size) < 0)) {
        yagot_reading_stop(r);
    }
    else if (size > least && !r->xml.in_tag) {
        yagot_xml_reset(&r->xml);
    }
}

/* Begins a record, whose identity is made. False with an exception set. */
static bool
begin_record(yagot_reading *r)
{
    r->copied = r->innermost_case = r->in.level;
    if (yagot_spool_begin(r->spool) < 0) {
        yagot_reading_stop(r);
        return false;
    }
    return true;
}

static void
identify_case(yagot_reading *r, uint32_t suite, const char *classname, size_t size, const char *name, size_t name_size)
{
    yagot_text *identity = &r->spool->identity;
    yagot_identity head = {.suite = suite};
    yagot_text_empty(identity);
    yagot_text_add_bytes(identity, (const char *)&head, sizeof head);
    yagot_text_add_bytes(identity, classname, size);
    yagot_text_add_bytes(identity, "", 1);
    yagot_text_add_bytes(identity, name, name_size);
    yagot_text_add_bytes(identity, "", 1);
}

/* The suite of a test case that begins; 0 with an exception set. */
static uint32_t
suite_of_case(yagot_reading *r)
{
    if (!yagot_accept_root(r)) {
        return 0;
    }
    uint32_t suite = r->depth > 0 ? yagot_innermost(r)->suite : yagot_loose_suite(r);
    if (suite == 0) {
        yagot_reading_stop(r);
    }
    return suite;
}

/* What the attributes say of a test case: some writers have no element for it. */
static yagot_kind
kind_of_case(const yagot_attributes *attributes)
{
    static const char *const skipped[] = {"skipped", "ignored", NULL};
    static const char *const disabled[] = {"notrun", "disabled", "suppressed", NULL};
    const yagot_attribute *status = yagot_attribute_find(attributes, "status");
    const yagot_attribute *result = yagot_attribute_find(attributes, "result");
    return yagot_attribute_is(status, disabled) || yagot_attribute_is(result, disabled) ? YAGOT_DISABLED
           : yagot_attribute_is(status, skipped) || yagot_attribute_is(result, skipped) ? YAGOT_SKIPPED : YAGOT_PASSED;
}

static void
start_time(yagot_reading *r, const yagot_attribute *attribute)
{
    r->milliseconds = 0;
    if (attribute != NULL) {
        const char *name = r->spool->identity.data + sizeof(yagot_identity);
        yagot_time time = yagot_reading_time(r, attribute, name + strlen(name) + 1);
        r->milliseconds = time.milliseconds;
        bool other = time.kind == YAGOT_TIME_OTHER;
        yagot_xml_attribute_bytes(&r->xml, "time", other ? time.plain : yagot_attribute_value(attribute),
                                  other ? strlen(time.plain) : yagot_attribute_size(attribute));
    }
}

/* A test case's attributes; its class gets the prefix, its time a decimal point. */
static void
start_case(yagot_reading *r, const yagot_attributes *attributes)
{
    static const char *const not_copied[] = {"classname", "name", "time", NULL};
    const yagot_attribute *classname = yagot_attribute_find(attributes, "classname");
    const yagot_attribute *name = yagot_attribute_find(attributes, "name");
    uint32_t suite = suite_of_case(r);
    if (suite == 0) {
        return;
    }
    yagot_text *class = &r->attributes;
    yagot_text_empty(class);
    yagot_add_prefixed(class, r->prefix, yagot_attribute_value(classname), yagot_attribute_size(classname));
    identify_case(r, suite, yagot_text_get(class), class->size, yagot_attribute_value(name),
                  yagot_attribute_size(name));
    if (!begin_record(r)) {
        return;
    }
    yagot_xml_start(&r->xml, "testcase");
    if (classname != NULL || class->size > 0) {
        yagot_xml_attribute_bytes(&r->xml, "classname", yagot_text_get(class), class->size);
    }
    if (name != NULL) {
        yagot_xml_attribute_bytes(&r->xml, "name", yagot_attribute_value(name), yagot_attribute_size(name));
    }
    start_time(r, yagot_attribute_find(attributes, "time"));
    yagot_attributes_write(&r->xml, attributes, not_copied);
    r->kind = kind_of_case(attributes);
}

/* A result that is a suite's (its class could not be loaded) becomes a test case's: Jenkins shows it so. */
static void
start_result(yagot_reading *r, const char *name, const yagot_attributes *attributes)
{
    const char *title = r->kind == YAGOT_ERROR ? "<init>" : "<suite>";
    uint32_t suite = suite_of_case(r);
    if (suite == 0) {
        return;
    }
    const char *classname = r->depth > 0 ? yagot_text_get(&r->path) + yagot_innermost(r)->name
                                         : yagot_text_get(&r->loose_name);
    identify_case(r, suite, classname, strlen(classname), title, strlen(title));
    if (!begin_record(r)) {
        return;
    }
    yagot_xml_start(&r->xml, "testcase");
    yagot_xml_attribute(&r->xml, "classname", classname);
    yagot_xml_attribute(&r->xml, "name", title);
    yagot_xml_raw(&r->xml, "");
    yagot_xml_start(&r->xml, name);
    yagot_attributes_write(&r->xml, attributes, NULL);
    r->wrapped = true;
    r->milliseconds = 0;
    yagot_innermost(r)->results += r->kind > YAGOT_SKIPPED;
}

/* A property is left out if it is there already; its identity is its start tag. */
static void
start_property(yagot_reading *r, const char *name, const yagot_attributes *attributes)
{
    yagot_text *identity = &r->spool->identity;
    yagot_identity head = {.suite = yagot_innermost(r)->suite, .number = UINT32_MAX};
    yagot_xml_start(&r->xml, name);
    yagot_attributes_write(&r->xml, attributes, NULL);
    yagot_text_empty(identity);
    if (strcmp(name, "property") == 0 && yagot_attribute_find(attributes, "value") != NULL) {
        yagot_text_add_bytes(identity, (const char *)&head, sizeof head);
        yagot_text_add_bytes(identity, yagot_text_get(&r->xml.bytes), r->xml.bytes.size);
    }
    r->kind = YAGOT_PROPERTY;
    (void)begin_record(r);
}

static void
start_other(yagot_reading *r, const char *name, const yagot_attributes *attributes)
{
    bool output = strcmp(name, "system-out") == 0 || strcmp(name, "system-err") == 0;
    yagot_xml_start(&r->xml, name);
    yagot_attributes_write(&r->xml, attributes, NULL);
    yagot_text_empty(&r->spool->identity);
    r->kind = output ? YAGOT_OUTPUT : YAGOT_OTHER;
    (void)begin_record(r);
}

/* Begins to copy an element of a suite, or to look into it. */
static void
take_element(yagot_reading *r, const char *name, const yagot_attributes *attributes)
{
    yagot_xml_reset(&r->xml);
    r->wrapped = false;
    r->kind = result_of(name);
    if (r->properties != 0) {
        start_property(r, name, attributes);
    }
    else if (strcmp(name, "testcase") == 0) {
        start_case(r, attributes);
    }
    else if (r->depth == 0 && r->foreign) {
        r->skipped = r->in.level;
    }
    else if (r->kind != YAGOT_PASSED) {
        start_result(r, name, attributes);
    }
    else if (strcmp(name, "properties") == 0) {
        r->properties = r->in.level;
    }
    else {
        start_other(r, name, attributes);
    }
}

/* An element that was copied is complete. */
static void
finish_record(yagot_reading *r)
{
    yagot_opened *o = yagot_innermost(r);
    uint32_t suite = r->kind < YAGOT_OUTCOMES && r->depth == 0 ? r->loose : o->suite;
    if (r->wrapped) {
        yagot_xml_end(&r->xml, "testcase");
    }
    r->copied = 0;
    write_out(r, 0);
    if (r->in.stopped) {
        return;
    }
    if (r->kind < YAGOT_OUTCOMES) {
        yagot_sums_add(&o->sums, r->kind, r->milliseconds, 1);
    }
    if (yagot_spool_finish(r->spool, suite, r->kind, r->kind < YAGOT_OUTCOMES ? r->milliseconds : 0) < 0) {
        yagot_reading_stop(r);
    }
}

/* -- events --------------------------------------------------------------------------------------- */

/* Some writers put the cases that belong to a case into it, or suites of them: their results are its own. */
static void
copy_start(yagot_reading *r, const char *name, const yagot_attributes *attributes)
{
    bool in_case = r->in.level == r->innermost_case + 1;
    if (in_case && (strcmp(name, "testcase") == 0 || strcmp(name, "testsuite") == 0)) {
        r->innermost_case++;
    }
    else if (in_case && r->kind < YAGOT_OUTCOMES && !r->wrapped) {
        yagot_kind kind = result_of(name);
        r->kind = kind > r->kind ? kind : r->kind;
        yagot_innermost(r)->results += kind > YAGOT_SKIPPED;
    }
    yagot_xml_start(&r->xml, name);
    yagot_attributes_write(&r->xml, attributes, NULL);
}

static void
on_start(yagot_xmlin *in, const char *name, const yagot_attribute *all, int count)
{
    yagot_reading *r = in->context;
    const yagot_attributes attributes = {.all = all, .count = count};
    if (r->copied != 0) {
        copy_start(r, name, &attributes);
    }
    else if (r->skipped != 0) {
        return;
    }
    else if (strcmp(name, "testsuite") == 0) {
        yagot_enter_suite(r, &attributes);
    }
    else if (in->level == 1 && strcmp(name, "testcase") != 0) {
        r->foreign = strcmp(name, "testsuites") != 0;
        yagot_enter_root(r, &attributes);
    }
    else if (r->depth > 0 || strcmp(name, "testsuites") != 0) {
        take_element(r, name, &attributes);
    }
}

static void
on_end(yagot_xmlin *in, const char *name)
{
    yagot_reading *r = in->context;
    if (r->copied != 0) {
        yagot_xml_end(&r->xml, name);
        if (in->level == r->copied) {
            finish_record(r);
        }
        else {
            r->innermost_case -= in->level == r->innermost_case;
            write_out(r, WRITTEN_AT_ONCE);
        }
    }
    else if (r->skipped != 0 || r->properties == in->level) {
        r->skipped = r->skipped == in->level ? 0 : r->skipped;
        r->properties = r->properties == in->level ? 0 : r->properties;
    }
    else if (strcmp(name, "testsuite") == 0) {
        yagot_leave_suite(r);
    }
    else if (in->level == 1 && r->foreign && !r->any) {
        yagot_xmlin_fail(in, "not a JUnit report: there is no test suite in it");
    }
    if (in->level == 1 && !in->stopped && (!r->foreign || r->any) && yagot_accept_root(r)) {
        yagot_leave_suite(r);
    }
}

static void
on_text(yagot_xmlin *in, const char *text, size_t size)
{
    yagot_reading *r = in->context;
    if (r->copied != 0) {
        yagot_xml_text_bytes(&r->xml, text, size);
        write_out(r, WRITTEN_AT_ONCE);
    }
}

static void
free_reading(yagot_reading *r)
{
    yagot_xml_fini(&r->xml);
    yagot_xml_fini(&r->root);
    yagot_text_fini(&r->attributes);
    yagot_text_fini(&r->others);
    yagot_text_fini(&r->path);
    yagot_text_fini(&r->loose_name);
    PyMem_RawFree(r);
}

int
yagot_spool_read(yagot_spool *s, int file, const char *prefix, yagot_read_error *error)
{
    static const yagot_xml_events events = {on_start, on_end, on_text};
    yagot_reading *r = PyMem_RawCalloc(1, sizeof *r);
    *error = (yagot_read_error){0};
    if (r == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    r->in.context = r;
    r->in.events = &events;
    r->in.file = file;
    r->spool = s;
    r->prefix = prefix;
    r->open[0].said_milliseconds = -1;
    s->file_number++;
    int result = yagot_xmlin_read(&r->in);
    PyOS_snprintf(error->text, sizeof error->text, "line %d: %s", r->in.line, r->in.error);
    error->damaged = r->in.damaged;
    free_reading(r);
    return result;
}
