/* xml_in.h - reading XML, as events: the one place that sees libxml2's parser.
 *
 * For files from anywhere: no document type declarations, no entities, no network; at most 256 elements within each
 * other, and libxml2's limit of 10 MB for an attribute, a comment and a CDATA section. Names come without prefixes;
 * comments and processing instructions do not come.
 */
#ifndef YAGOT_XMLIN_H
#define YAGOT_XMLIN_H

#include "core.h"

#include <libxml/parser.h>

/* What SAX gives of an attribute: five pointers. */
typedef struct {
    const xmlChar *name, *prefix, *uri, *value, *end;
} yagot_attribute;

typedef struct yagot_xmlin yagot_xmlin;

typedef struct {
    void (*start)(yagot_xmlin *in, const char *name, const yagot_attribute *attributes, int count);
    void (*end)(yagot_xmlin *in, const char *name);
    void (*text)(yagot_xmlin *in, const char *text, size_t size);
} yagot_xml_events;

enum { YAGOT_CHUNK = 1 << 15 };

struct yagot_xmlin {
    void *context;                  /* borrowed: the receiver's */
    const yagot_xml_events *events; /* borrowed */
    int file;                       /* borrowed: a descriptor */
    uint32_t level;                 /* of the element that starts or ends; the root's is 1 */
    char error[300];                /* the first one, a line; empty if there is none */
    int line;                       /* where it is, from 1 */
    bool stopped;                   /* by yagot_xmlin_stop() */
    xmlParserCtxtPtr parser;        /* owned */
    size_t at, got;                 /* what the parser has taken of the chunk, and its size */
    char chunk[YAGOT_CHUNK];
};

/* Reads the file. -1 with an exception set, or with `error`. */
int yagot_xmlin_read(yagot_xmlin *in);
/* From an event: no more events come. With a message, or with an exception set. */
void yagot_xmlin_fail(yagot_xmlin *in, const char *message);
void yagot_xmlin_stop(yagot_xmlin *in);

#endif
