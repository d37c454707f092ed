/* xmlout.h - XML fragments in memory: the one place that sees libxml2's text writer.
 *
 * The writer escapes markup but does not check characters; texts go through yagot_xml_text first, which
 * shows what XML cannot hold (\x1b, \udc80) and leaves the rest as it is. An element that failed marks the
 * fragment; the calls after it do nothing.
 */
#ifndef YAGOT_XMLOUT_H
#define YAGOT_XMLOUT_H

#include "core.h"
#include "text.h"

#include <libxml/xmlwriter.h>

typedef struct {
    xmlTextWriterPtr writer;    /* owned */
    xmlBufferPtr buffer;        /* owned */
    yagot_text scratch;
    bool failed;
} yagot_xml;

int yagot_xml_init(yagot_xml *xml);
void yagot_xml_fini(yagot_xml *xml);
/* Forgets what was written. */
void yagot_xml_reset(yagot_xml *xml);
/* The bytes written so far; NULL when something failed. Valid until the next call. */
const char *yagot_xml_bytes(yagot_xml *xml, size_t *size);

void yagot_xml_raw(yagot_xml *xml, const char *markup);
void yagot_xml_raw_bytes(yagot_xml *xml, const char *markup, size_t size);
void yagot_xml_start(yagot_xml *xml, const char *element);
void yagot_xml_end(yagot_xml *xml);
/* An attribute; with a str, None leaves it out. */
void yagot_xml_attribute(yagot_xml *xml, const char *name, const char *value);
void yagot_xml_attribute_str(yagot_xml *xml, const char *name, PyObject *value);
/* A number that is not negative, with at least so many digits; milliseconds as seconds. */
void yagot_xml_number(yagot_xml *xml, const char *name, long long number, int least);
void yagot_xml_seconds(yagot_xml *xml, const char *name, long long milliseconds, int least);
void yagot_xml_text(yagot_xml *xml, PyObject *value);

#endif
