/* junit_reader.c - report: JUnit XML files into one, in little memory.
 *
 * Each test case is written again as it is read, to a file, the spool; in memory 12 bytes a case stay, and 6 for the
 * table that finds duplicates. When all files are read the counters are known, and the cases are copied out suite by
 * suite (junit_merger.c). XML namespaces are left out: JUnit has none.
 */
#include "report/junit_spool.h"
#include "report/xml_in.h"
#include "report/xml_out.h"

#include <string.h>

enum { DEEPEST_SUITE = 200, LARGEST_COPY = 100 << 20 };

typedef struct {
    yagot_xmlin in;
    yagot_spool *spool;                     /* borrowed, as the prefix is */
    const char *prefix;
    uint32_t open[DEEPEST_SUITE], depth;    /* the suites around the place that is read */
    uint32_t skipped, copied;               /* the level of the element that is left out, or written again; or 0 */
    yagot_xml xml;                          /* what was written of it */
    yagot_text identity;                    /* of the test case: its suite, class and name, a line each */
    int64_t milliseconds;
    uint32_t severity;
} reading;

static void
fail_without_memory(reading *r)
{
    PyErr_NoMemory();
    yagot_xmlin_stop(&r->in);
}

/* -- suites --------------------------------------------------------------------------------------- */

static const yagot_attribute *
find_attribute(const yagot_attribute *attributes, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (attributes[i].prefix == NULL && strcmp((const char *)attributes[i].name, name) == 0) {
            return &attributes[i];
        }
    }
    return NULL;
}

/* The value, empty if there is no such attribute. */
static const char *
value_of(const yagot_attribute *attribute)
{
    return attribute != NULL ? (const char *)attribute->value : "";
}

static size_t
size_of(const yagot_attribute *attribute)
{
    return attribute != NULL ? (size_t)(attribute->end - attribute->value) : 0;
}

/* An attribute's value, owned; NULL if there is none, or no memory for it: then `failed` is set. */
static char *
copy_attribute(const yagot_attribute *attributes, int count, const char *name, bool *failed)
{
    const yagot_attribute *found = find_attribute(attributes, count, name);
    yagot_text copy = {0};
    if (found == NULL) {
        return NULL;
    }
    yagot_text_add_bytes(&copy, value_of(found), size_of(found));
    char *taken = yagot_text_take(&copy);
    *failed |= taken == NULL;
    return taken;
}

/* A name with the prefix before it, if there is one. */
static void
add_prefixed(yagot_text *text, const char *prefix, const char *name, size_t size)
{
    if (*prefix != '\0') {
        yagot_text_add(text, prefix);
        yagot_text_add(text, ".");
    }
    yagot_text_add_bytes(text, name, size);
}

static void
enter_suite(reading *r, const yagot_attribute *attributes, int count)
{
    const yagot_attribute *own = find_attribute(attributes, count, "name");
    yagot_text name = {0};
    if (r->depth == DEEPEST_SUITE) {
        yagot_xmlin_fail(&r->in, "test suites are nested too deeply");
        return;
    }
    add_prefixed(&name, r->prefix, own != NULL ? value_of(own) : "tests", own != NULL ? size_of(own) : strlen("tests"));
    bool failed = false;
    yagot_suite suite = {
        .name = yagot_text_take(&name),
        .timestamp = copy_attribute(attributes, count, "timestamp", &failed),
        .hostname = copy_attribute(attributes, count, "hostname", &failed),
        .file = copy_attribute(attributes, count, "file", &failed),
    };
    if (failed || suite.name == NULL) {
        yagot_suite_fini(&suite);
        fail_without_memory(r);
        return;
    }
    uint32_t index = yagot_spool_suite(r->spool, suite);
    if (index == YAGOT_NONE) {
        yagot_xmlin_stop(&r->in);
        return;
    }
    r->open[r->depth++] = index;
}

/* -- what is written again ------------------------------------------------------------------------ */

/* Milliseconds of "0.012", "1,234.5" or "1e-3"; 0 if it is none of these. */
static int64_t
read_time(const yagot_attribute *time)
{
    char plain[64];
    size_t size = 0;
    for (const xmlChar *c = time->value; c < time->end && size < sizeof plain - 1; c++) {
        plain[size] = (char)*c;
        size += *c != ',';
    }
    plain[size] = '\0';
    double seconds = PyOS_string_to_double(plain, NULL, NULL);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        seconds = 0;
    }
    return seconds > 0 && seconds < 1e12 ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

static uint32_t
severity_of(const char *name)
{
    static const char *const names[] = {"skipped", "failure", "error"};
    for (uint32_t i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* A case is held in memory as a whole. */
static void
check_size(reading *r)
{
    if (r->xml.bytes.size > LARGEST_COPY) {
        yagot_xmlin_fail(&r->in, "a test case, or a suite's output, of more than 100 MB");
    }
}

static void
copy_attributes(reading *r, const yagot_attribute *attributes, int count, const yagot_attribute *but)
{
    for (int i = 0; i < count; i++) {
        const yagot_attribute *a = &attributes[i];
        if (a->prefix == NULL && a != but) {
            yagot_xml_attribute_bytes(&r->xml, (const char *)a->name, value_of(a), size_of(a));
        }
    }
}

/* A test case's attributes; its class gets the prefix. */
static void
start_case(reading *r, const yagot_attribute *attributes, int count)
{
    const yagot_attribute *classname = find_attribute(attributes, count, "classname");
    const yagot_attribute *name = find_attribute(attributes, count, "name");
    const yagot_attribute *time = find_attribute(attributes, count, "time");
    yagot_text *identity = &r->identity;
    yagot_text_empty(identity);
    yagot_text_add(identity, r->spool->suites[r->open[r->depth - 1]].name);
    yagot_text_add(identity, "\n");
    size_t from = identity->size;
    add_prefixed(identity, r->prefix, value_of(classname), size_of(classname));
    if (!identity->failed && (classname != NULL || identity->size > from)) {
        yagot_xml_attribute_bytes(&r->xml, "classname", identity->data + from, identity->size - from);
    }
    yagot_text_add(identity, "\n");
    yagot_text_add_bytes(identity, value_of(name), size_of(name));
    r->severity = 0;
    r->milliseconds = time != NULL ? read_time(time) : 0;
    copy_attributes(r, attributes, count, classname);
}

/* Begins to copy an element of a suite, or to leave it out. */
static void
take_element(reading *r, const char *name, const yagot_attribute *attributes, int count)
{
    bool is_case = strcmp(name, "testcase") == 0, properties = strcmp(name, "properties") == 0;
    bool output = strcmp(name, "system-out") == 0 || strcmp(name, "system-err") == 0;
    if (is_case && r->depth == 0) {
        yagot_xmlin_fail(&r->in, "a test case outside of a test suite");
        return;
    }
    /* of properties, those of the suite's first file only */
    bool known = properties && r->depth > 0 && r->spool->suites[r->open[r->depth - 1]].properties.size > 0;
    if (r->depth == 0 || known || (!is_case && !properties && !output)) {
        r->skipped = r->in.level;
        return;
    }
    r->copied = r->in.level;
    yagot_xml_reset(&r->xml);
    yagot_xml_start(&r->xml, name);
    if (is_case) {
        start_case(r, attributes, count);
    }
    else {
        copy_attributes(r, attributes, count, NULL);
    }
}

static int
spool_case(reading *r, uint32_t suite, const char *xml, size_t size)
{
    yagot_spool *s = r->spool;
    const yagot_text *identity = &r->identity;
    if (identity->failed) {
        PyErr_NoMemory();
        return -1;
    }
    yagot_record record = {.meta = r->severity << YAGOT_HASH_BITS};
    yagot_spooled head = {.identity = (uint32_t)identity->size, .size = (uint32_t)size,
                          .milliseconds = r->milliseconds};
    if (yagot_spool_begin(s, &record) < 0 || yagot_spool_bytes(s, &head, sizeof head) < 0
        || yagot_spool_bytes(s, identity->data, identity->size) < 0 || yagot_spool_bytes(s, xml, size) < 0) {
        return -1;
    }
    return yagot_spool_add(s, suite, record, identity);
}

/* An element that was copied is complete. */
static void
keep_copy(reading *r, const char *name)
{
    uint32_t index = r->open[r->depth - 1];
    yagot_suite *suite = &r->spool->suites[index];
    size_t size;
    const char *xml = yagot_xml_bytes(&r->xml, &size);
    r->copied = 0;
    if (xml == NULL) {
        fail_without_memory(r);
    }
    else if (strcmp(name, "testcase") == 0) {
        if (spool_case(r, index, xml, size) < 0) {
            yagot_xmlin_stop(&r->in);
        }
    }
    else {
        yagot_text *kept = strcmp(name, "properties") == 0 ? &suite->properties : &suite->output;
        yagot_text_add_bytes(kept, xml, size);
        yagot_text_add(kept, "\n");
        if (kept->failed) {
            fail_without_memory(r);
        }
    }
}

/* -- events --------------------------------------------------------------------------------------- */

static void
on_start(yagot_xmlin *in, const char *name, const yagot_attribute *attributes, int count)
{
    reading *r = in->context;
    if (r->copied != 0) {
        uint32_t severity = in->level == r->copied + 1 ? severity_of(name) : 0;
        r->severity = severity > r->severity ? severity : r->severity;
        yagot_xml_start(&r->xml, name);
        copy_attributes(r, attributes, count, NULL);
        check_size(r);
    }
    else if (r->skipped != 0 || (in->level == 1 && strcmp(name, "testsuites") == 0)) {
        return;
    }
    else if (strcmp(name, "testsuite") == 0) {
        enter_suite(r, attributes, count);
    }
    else if (in->level == 1) {
        yagot_xmlin_fail(in, "not a JUnit report: the root is neither testsuites nor testsuite");
    }
    else {
        take_element(r, name, attributes, count);
    }
}

static void
on_end(yagot_xmlin *in, const char *name)
{
    reading *r = in->context;
    if (r->copied != 0) {
        yagot_xml_end(&r->xml, name);
        if (in->level == r->copied) {
            keep_copy(r, name);
        }
    }
    else if (r->skipped == in->level) {
        r->skipped = 0;
    }
    else if (r->skipped == 0 && strcmp(name, "testsuite") == 0) {
        r->depth--;
    }
}

static void
on_text(yagot_xmlin *in, const char *text, size_t size)
{
    reading *r = in->context;
    if (r->copied != 0) {
        yagot_xml_text_bytes(&r->xml, text, size);
        check_size(r);
    }
}

int
yagot_spool_read(yagot_spool *s, int file, const char *prefix, char *error, size_t error_size)
{
    static const yagot_xml_events events = {on_start, on_end, on_text};
    reading *r = PyMem_RawCalloc(1, sizeof *r);
    *error = '\0';
    if (r == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    r->in.context = r;
    r->in.events = &events;
    r->in.file = file;
    r->spool = s;
    r->prefix = prefix;
    int result = yagot_xmlin_read(&r->in);
    PyOS_snprintf(error, error_size, "line %d: %s", r->in.line, r->in.error);
    yagot_xml_fini(&r->xml);
    yagot_text_fini(&r->identity);
    PyMem_RawFree(r);
    return result;
}
