/* xml_out.h - XML fragments in memory: the one place that writes markup.
 *
 * A few lines instead of libxml2's text writer, whose state and buffers cost more than the rest of a report. Texts are
 * escaped so that every reader gives back the same: also the white space that XML 1.0 would normalize (2.11, 3.3.3).
 * Characters that XML cannot hold (\x1b, \udc80) are shown visibly in str; bytes must be UTF-8 without such.
 *
 * In:  names, which are trusted, and texts, which are not; all stay the caller's.
 * Out: bytes that the fragment owns.
 * Running out of memory marks the fragment; the calls after that do nothing.
 */
#ifndef YAGOT_XMLOUT_H
#define YAGOT_XMLOUT_H

#include "core.h"
#include "base/text.h"

typedef struct {
    yagot_text bytes;
    yagot_text scratch;         /* a str on its way */
    bool in_tag;                /* a start tag has no end yet: attributes may come */
} yagot_xml;

void yagot_xml_fini(yagot_xml *xml);
/* Forgets what was written. */
void yagot_xml_reset(yagot_xml *xml);
/* The bytes written so far; NULL when memory ran out. Valid until the next call. */
const char *yagot_xml_bytes(const yagot_xml *xml, size_t *size);

/* Markup as it is, behind an open start tag. */
void yagot_xml_raw(yagot_xml *xml, const char *markup);
void yagot_xml_raw_bytes(yagot_xml *xml, const char *markup, size_t size);

void yagot_xml_start(yagot_xml *xml, const char *element);
/* Ends an element; as an empty one, if nothing came after its start tag. */
void yagot_xml_end(yagot_xml *xml, const char *element);
/* Attributes of the start tag before. Of a str, None leaves it out. */
void yagot_xml_attribute(yagot_xml *xml, const char *name, const char *value);
void yagot_xml_attribute_bytes(yagot_xml *xml, const char *name, const char *value, size_t size);
void yagot_xml_attribute_str(yagot_xml *xml, const char *name, PyObject *value);
/* A number that is not negative; milliseconds as seconds. */
void yagot_xml_number(yagot_xml *xml, const char *name, long long number);
void yagot_xml_seconds(yagot_xml *xml, const char *name, long long milliseconds);
/* Attributes that are markup already, with a space before each. */
void yagot_xml_attributes(yagot_xml *xml, const char *markup);

void yagot_xml_text_bytes(yagot_xml *xml, const char *text, size_t size);
void yagot_xml_text_str(yagot_xml *xml, PyObject *text);

#endif
