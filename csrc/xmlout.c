/* xmlout.c - see xmlout.h. */
#include "xmlout.h"

#include <string.h>

int
yagot_xml_init(yagot_xml *xml)
{
    *xml = (yagot_xml){0};
    xml->buffer = xmlBufferCreate();
    xml->writer = xml->buffer != NULL ? xmlNewTextWriterMemory(xml->buffer, 0) : NULL;
    if (xml->writer == NULL) {
        yagot_xml_fini(xml);
        return -1;
    }
    return 0;
}

void
yagot_xml_fini(yagot_xml *xml)
{
    if (xml->writer != NULL) {
        xmlFreeTextWriter(xml->writer);
    }
    if (xml->buffer != NULL) {
        xmlBufferFree(xml->buffer);
    }
    yagot_text_fini(&xml->scratch);
    *xml = (yagot_xml){0};
}

void
yagot_xml_reset(yagot_xml *xml)
{
    (void)xmlTextWriterFlush(xml->writer);
    xmlBufferEmpty(xml->buffer);
    xml->failed = false;
}

const char *
yagot_xml_bytes(yagot_xml *xml, size_t *size)
{
    if (xmlTextWriterFlush(xml->writer) < 0 || xml->failed) {
        return NULL;
    }
    *size = (size_t)xmlBufferLength(xml->buffer);
    return (const char *)xmlBufferContent(xml->buffer);
}

static inline void
check(yagot_xml *xml, int result)
{
    xml->failed |= result < 0;
}

void
yagot_xml_raw(yagot_xml *xml, const char *markup)
{
    check(xml, xmlTextWriterWriteRaw(xml->writer, (const xmlChar *)markup));
}

void
yagot_xml_raw_bytes(yagot_xml *xml, const char *markup, size_t size)
{
    check(xml, size > INT32_MAX ? -1 : xmlTextWriterWriteRawLen(xml->writer, (const xmlChar *)markup, (int)size));
}

void
yagot_xml_start(yagot_xml *xml, const char *element)
{
    check(xml, xmlTextWriterStartElement(xml->writer, (const xmlChar *)element));
}

void
yagot_xml_end(yagot_xml *xml)
{
    check(xml, xmlTextWriterEndElement(xml->writer));
}

void
yagot_xml_attribute(yagot_xml *xml, const char *name, const char *value)
{
    check(xml, xmlTextWriterWriteAttribute(xml->writer, (const xmlChar *)name, (const xmlChar *)value));
}

void
yagot_xml_number(yagot_xml *xml, const char *name, long long number, int least)
{
    char text[24];
    *yagot_put_digits(text, number, least) = '\0';
    yagot_xml_attribute(xml, name, text);
}

void
yagot_xml_seconds(yagot_xml *xml, const char *name, long long milliseconds, int least)
{
    char text[28];
    *yagot_put_seconds(text, milliseconds, least) = '\0';
    yagot_xml_attribute(xml, name, text);
}

/* The str as UTF-8 that XML can hold, in the scratch text; NULL when memory is short. */
static const xmlChar *
readable(yagot_xml *xml, PyObject *value)
{
    xml->scratch.size = 0;
    if (xml->scratch.data != NULL) {
        xml->scratch.data[0] = '\0';
    }
    yagot_text_add_readable(&xml->scratch, value);
    return xml->scratch.failed ? NULL : (const xmlChar *)yagot_text_get(&xml->scratch);
}

void
yagot_xml_attribute_str(yagot_xml *xml, const char *name, PyObject *value)
{
    if (value != Py_None) {
        const xmlChar *text = readable(xml, value);
        check(xml, text != NULL ? xmlTextWriterWriteAttribute(xml->writer, (const xmlChar *)name, text) : -1);
    }
}

void
yagot_xml_text(yagot_xml *xml, PyObject *value)
{
    const xmlChar *text = readable(xml, value);
    check(xml, text != NULL ? xmlTextWriterWriteString(xml->writer, text) : -1);
}
