/* junit_merge.c - report: JUnit XML files into one, in little memory.
 *
 * Each test case is read with libxml2's reader and spooled to a file as it is; in memory 16 bytes a case stay, and as
 * much again at most for the table that finds duplicates. When all files are read the counters are known, and the cases
 * are copied out suite by suite (junit_join.c).
 *
 * A document type declaration is refused: nothing good is declared there, and entities are what hostile files are made of.
 */
#include "junit_spool.h"

#include <libxml/xmlreader.h>
#include <string.h>
#include <unistd.h>

/* -- suites --------------------------------------------------------------------------------------- */

static char *
attribute(xmlTextReaderPtr reader, const char *name)
{
    xmlChar *value = xmlTextReaderGetAttribute(reader, (const xmlChar *)name);
    char *copy = value != NULL ? PyMem_RawMalloc(strlen((char *)value) + 1) : NULL;
    if (copy != NULL) {
        strcpy(copy, (char *)value);
    }
    xmlFree(value);
    return copy;
}

/* The suite of a name (stolen), made if it is new; YAGOT_NONE with an exception set. */
static uint32_t
find_suite(yagot_spool *s, char *name, xmlTextReaderPtr reader)
{
    uintptr_t found = (uintptr_t)xmlHashLookup(s->by_name, (xmlChar *)name);
    if (found != 0) {
        PyMem_RawFree(name);
        return (uint32_t)found - 1;
    }
    if ((s->suite_count & (s->suite_count - 1)) == 0) {
        yagot_suite *grown = PyMem_RawRealloc(s->suites, (s->suite_count * 2u + 1u) * sizeof *grown);
        if (grown == NULL) {
            PyMem_RawFree(name);
            PyErr_NoMemory();
            return YAGOT_NONE;
        }
        s->suites = grown;
    }
    yagot_suite *suite = &s->suites[s->suite_count];
    *suite = (yagot_suite){.name = name, .first = YAGOT_NONE, .timestamp = attribute(reader, "timestamp"),
                           .hostname = attribute(reader, "hostname"), .file = attribute(reader, "file")};
    if (xmlHashAddEntry(s->by_name, (xmlChar *)name, (void *)(uintptr_t)(s->suite_count + 1)) != 0) {
        yagot_suite_fini(suite);
        PyErr_NoMemory();
        return YAGOT_NONE;
    }
    return s->suite_count++;
}

static uint32_t
enter_suite(yagot_spool *s, xmlTextReaderPtr reader, const char *prefix)
{
    char *own = attribute(reader, "name");
    yagot_text name = {0};
    if (*prefix != '\0') {
        yagot_text_add(&name, prefix);
        yagot_text_add(&name, ".");
    }
    yagot_text_add(&name, own != NULL ? own : "tests");
    PyMem_RawFree(own);
    char *taken = yagot_text_take(&name);
    return taken != NULL ? find_suite(s, taken, reader) : (PyErr_NoMemory(), YAGOT_NONE);
}

/* -- test cases ----------------------------------------------------------------------------------- */

/* Milliseconds of "0.012", "1,234.5" or "1e-3"; 0 if it is none of these. */
static int64_t
read_time(xmlNodePtr node)
{
    xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)"time");
    yagot_text plain = {0};
    for (const char *c = (const char *)text; c != NULL && *c != '\0'; c++) {
        const char one[2] = {*c == ',' ? '\0' : *c};
        yagot_text_add(&plain, one);
    }
    double seconds = PyOS_string_to_double(yagot_text_get(&plain), NULL, NULL);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        seconds = 0;
    }
    yagot_text_fini(&plain);
    xmlFree(text);
    return seconds > 0 && seconds < 1e12 ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

static uint32_t
severity_of(xmlNodePtr node)
{
    static const char *const names[] = {"skipped", "failure", "error"};
    uint32_t worst = 0;
    for (xmlNodePtr child = node->children; child != NULL; child = child->next) {
        for (uint32_t i = 0; child->type == XML_ELEMENT_NODE && i < 3; i++) {
            if (strcmp((const char *)child->name, names[i]) == 0 && i + 1 > worst) {
                worst = i + 1;
            }
        }
    }
    return worst;
}

static void
add_property_text(yagot_text *text, xmlNodePtr node, const char *name)
{
    xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
    yagot_text_add(text, value != NULL ? (char *)value : "");
    xmlFree(value);
}

static int
prefix_classname(xmlNodePtr node, const char *prefix)
{
    yagot_text name = {0};
    yagot_text_add(&name, prefix);
    yagot_text_add(&name, ".");
    add_property_text(&name, node, "classname");
    const xmlChar *value = (const xmlChar *)yagot_text_get(&name);
    bool done = !name.failed && xmlSetProp(node, (const xmlChar *)"classname", value) != NULL;
    yagot_text_fini(&name);
    return done ? 0 : -1;
}

/* Drops what XML namespaces add: their declarations are not copied, and JUnit has none. */
static void
forget_namespaces(xmlNodePtr top)
{
    xmlNodePtr node = top;
    while (node != NULL) {
        if (node->type == XML_ELEMENT_NODE) {
            node->ns = NULL;
            for (xmlAttrPtr next, a = node->properties; a != NULL; a = next) {
                next = a->next;
                if (a->ns != NULL) {
                    (void)xmlRemoveProp(a);
                }
            }
            if (node->children != NULL) {
                node = node->children;
                continue;
            }
        }
        while (node != top && node->next == NULL) {
            node = node->parent;
        }
        node = node != top ? node->next : NULL;
    }
}

static int
spool_node(yagot_spool *s, uint32_t suite, xmlNodePtr node, const yagot_text *identity)
{
    yagot_record record = {.offset = s->end, .meta = severity_of(node) << YAGOT_HASH_BITS};
    xmlBufferEmpty(s->xml);
    int size = xmlNodeDump(s->xml, node->doc, node, 0, 0);
    if (size < 0) {
        PyErr_NoMemory();
        return -1;
    }
    yagot_spooled head = {.identity = (uint32_t)identity->size, .size = (uint32_t)size, .milliseconds = read_time(node)};
    if (yagot_spool_bytes(s, &head, sizeof head) < 0
        || yagot_spool_bytes(s, yagot_text_get(identity), identity->size) < 0
        || yagot_spool_bytes(s, xmlBufferContent(s->xml), (size_t)size) < 0) {
        return -1;
    }
    return yagot_spool_add(s, suite, record, identity);
}

static int
take_case(yagot_spool *s, uint32_t suite, xmlNodePtr node, const char *prefix)
{
    yagot_text identity = {0};
    if (*prefix != '\0' && prefix_classname(node, prefix) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    yagot_text_add(&identity, s->suites[suite].name);
    yagot_text_add(&identity, "\n");
    add_property_text(&identity, node, "classname");
    yagot_text_add(&identity, "\n");
    add_property_text(&identity, node, "name");
    int result = identity.failed ? (PyErr_NoMemory(), -1) : spool_node(s, suite, node, &identity);
    yagot_text_fini(&identity);
    return result;
}

/* The suite's properties and output: kept as they are, the properties of its first file only. */
static int
take_extra(yagot_spool *s, yagot_suite *suite, xmlNodePtr node, bool properties)
{
    if (properties && suite->properties.size > 0) {
        return 0;
    }
    yagot_text *target = properties ? &suite->properties : &suite->output;
    xmlBufferEmpty(s->xml);
    if (xmlNodeDump(s->xml, node->doc, node, 0, 0) >= 0) {
        yagot_text_add(target, (const char *)xmlBufferContent(s->xml));
        yagot_text_add(target, "\n");
    }
    else {
        target->failed = true;
    }
    if (target->failed) {
        PyErr_NoMemory();
    }
    return target->failed ? -1 : 0;
}

/* -- reading a file ------------------------------------------------------------------------------- */

typedef struct {
    yagot_spool *spool;
    xmlTextReaderPtr reader;
    const char *prefix;
    int file;                               /* borrowed */
    uint32_t open[YAGOT_DEEPEST_SUITE];     /* the suites around the place that is read */
    uint32_t depth;
    char error[300];                        /* the first one, with its line; empty if there is none */
} reading;

static void
note_error(reading *r, int line, const char *message)
{
    if (r->error[0] == '\0') {
        PyOS_snprintf(r->error, sizeof r->error, "line %d: %.250s", line, message);
        r->error[strcspn(r->error, "\r\n")] = '\0';
    }
}

static void
on_error(void *arg, const char *message, xmlParserSeverities severity, xmlTextReaderLocatorPtr locator)
{
    if (severity == XML_PARSER_SEVERITY_ERROR || severity == XML_PARSER_SEVERITY_VALIDITY_ERROR) {
        note_error(arg, xmlTextReaderLocatorLineNumber(locator), message);
    }
}

static int
fail(reading *r, const char *message)
{
    note_error(r, xmlTextReaderGetParserLineNumber(r->reader), message);
    return -1;
}

/* Takes an element with all that is in it. The reader then goes on behind it. */
static int
take_element(reading *r, const char *name, bool *skip)
{
    bool is_case = strcmp(name, "testcase") == 0, properties = strcmp(name, "properties") == 0;
    bool output = strcmp(name, "system-out") == 0 || strcmp(name, "system-err") == 0;
    *skip = true;
    if (!is_case && !properties && !output) {
        return 0;
    }
    if (r->depth == 0) {
        return is_case ? fail(r, "a test case outside of a test suite") : 0;
    }
    xmlNodePtr node = xmlTextReaderExpand(r->reader);
    if (node == NULL) {
        return fail(r, "cannot be read");
    }
    uint32_t suite = r->open[r->depth - 1];
    forget_namespaces(node);
    return is_case ? take_case(r->spool, suite, node, r->prefix)
                   : take_extra(r->spool, &r->spool->suites[suite], node, properties);
}

static int
enter_element(reading *r, const char *name, bool *skip)
{
    int depth = xmlTextReaderDepth(r->reader);
    *skip = false;
    if (depth == 0 && strcmp(name, "testsuites") == 0) {
        return 0;
    }
    if (strcmp(name, "testsuite") == 0) {
        if (r->depth == YAGOT_DEEPEST_SUITE) {
            return fail(r, "test suites are nested too deeply");
        }
        uint32_t suite = enter_suite(r->spool, r->reader, r->prefix);
        if (suite == YAGOT_NONE) {
            return -1;
        }
        if (!xmlTextReaderIsEmptyElement(r->reader)) {
            r->open[r->depth++] = suite;
        }
        return 0;
    }
    return depth == 0 ? fail(r, "not a JUnit report: the root is neither testsuites nor testsuite")
                      : take_element(r, name, skip);
}

static int
take_node(reading *r, bool *skip)
{
    int type = xmlTextReaderNodeType(r->reader);
    const char *name = (const char *)xmlTextReaderConstLocalName(r->reader);
    *skip = false;
    if (type == XML_READER_TYPE_DOCUMENT_TYPE) {
        return fail(r, "a document type declaration is not accepted");
    }
    if (type == XML_READER_TYPE_ELEMENT) {
        return enter_element(r, name, skip);
    }
    if (type == XML_READER_TYPE_END_ELEMENT && strcmp(name, "testsuite") == 0) {
        r->depth--;
    }
    return 0;
}

/* Does the file end with a tag? */
static bool
ends_well(int file)
{
    char tail[64];
    off_t size = lseek(file, 0, SEEK_END);
    off_t from = size > (off_t)sizeof tail ? size - (off_t)sizeof tail : 0;
    ssize_t got = size > 0 ? pread(file, tail, sizeof tail, from) : 0;
    while (got > 0 && strchr(" \t\r\n", tail[got - 1]) != NULL) {
        got--;
    }
    return got > 2 && (memcmp(&tail[got - 2], "s>", 2) == 0 || memcmp(&tail[got - 2], "/>", 2) == 0);
}

/* Versions of libxml2 say this or that of a document that ends before its root does. */
static int
fail_to_read(reading *r)
{
    static const char *const endings[] = {"Extra content", "is empty", "Premature end", "EndTag", "end tag"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (strstr(r->error, endings[i]) != NULL && !ends_well(r->file)) {
            r->error[0] = '\0';
            return fail(r, "the file ends too early");
        }
    }
    return fail(r, "not well-formed");
}

/* 0, or -1 with an exception, or with r->error. */
static int
read_all(reading *r)
{
    bool skip = false;
    for (;;) {
        int got = skip ? xmlTextReaderNext(r->reader) : xmlTextReaderRead(r->reader);
        if (got == 0 && r->error[0] == '\0') {
            return 0;
        }
        if (got != 1) {
            return fail_to_read(r);
        }
        if (take_node(r, &skip) < 0) {
            return -1;
        }
    }
}

/* Some errors of the decoder go past the reader's handler to the process's, which prints them. */
static void XMLCDECL
discard(void *Py_UNUSED(context), const char *Py_UNUSED(format), ...)
{
}

static int
read_with(xmlTextReaderPtr reader, reading *r, char *error, size_t error_size)
{
    r->reader = reader;
    xmlTextReaderSetErrorHandler(reader, on_error, r);
    int result = read_all(r);
    PyOS_snprintf(error, error_size, "%s", r->error);
    xmlFreeTextReader(reader);
    return result;
}

int
yagot_spool_read(yagot_spool *s, int file, const char *prefix, char *error, size_t error_size)
{
    xmlGenericErrorFunc handler = xmlGenericError;      /* this thread's; lxml may have its own */
    void *context = xmlGenericErrorContext;
    reading *r = PyMem_RawCalloc(1, sizeof *r);
    int result = -1;
    *error = '\0';
    xmlSetGenericErrorFunc(NULL, discard);
    xmlTextReaderPtr reader = r != NULL ? xmlReaderForFd(file, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT) : NULL;
    if (reader == NULL) {
        PyErr_NoMemory();
    }
    else {
        *r = (reading){.spool = s, .prefix = prefix, .file = file};
        result = read_with(reader, r, error, error_size);
    }
    xmlSetGenericErrorFunc(context, handler);
    PyMem_RawFree(r);
    return result;
}
