/* xml_out.c - see xml_out.h. */
#include "report/xml_out.h"

#include <string.h>

void
yagot_xml_fini(yagot_xml *xml)
{
    yagot_text_fini(&xml->bytes);
    yagot_text_fini(&xml->scratch);
    *xml = (yagot_xml){0};
}

void
yagot_xml_reset(yagot_xml *xml)
{
    yagot_text_empty(&xml->bytes);
    xml->in_tag = false;
}

const char *
yagot_xml_bytes(const yagot_xml *xml, size_t *size)
{
    *size = xml->bytes.size;
    return xml->bytes.failed ? NULL : yagot_text_get(&xml->bytes);
}

/* What stands for a character; NULL: itself. */
static const char *
escape_of(char c, bool attribute)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\r':
        return "&#13;";
    case '"':
        return attribute ? "&quot;" : NULL;
    case '\n':
        return attribute ? "&#10;" : NULL;
    case '\t':
        return attribute ? "&#9;" : NULL;
    default:
        return NULL;
    }
}

static void
add_escaped(yagot_text *text, const char *bytes, size_t size, bool attribute)
{
    static const bool special[256] = {['&'] = true, ['<'] = true, ['>'] = true, ['"'] = true, ['\r'] = true,
                                      ['\n'] = true, ['\t'] = true};
    size_t from = 0;
    for (size_t i = 0; i < size; i++) {
        const char *escape = special[(unsigned char)bytes[i]] ? escape_of(bytes[i], attribute) : NULL;
        if (escape != NULL) {
            yagot_text_add_bytes(text, bytes + from, i - from);
            yagot_text_add(text, escape);
            from = i + 1;
        }
    }
    yagot_text_add_bytes(text, bytes + from, size - from);
}

static void
close_tag(yagot_xml *xml)
{
    if (xml->in_tag) {
        yagot_text_add(&xml->bytes, ">");
        xml->in_tag = false;
    }
}

void
yagot_xml_raw_bytes(yagot_xml *xml, const char *markup, size_t size)
{
    close_tag(xml);
    yagot_text_add_bytes(&xml->bytes, markup, size);
}

void
yagot_xml_raw(yagot_xml *xml, const char *markup)
{
    yagot_xml_raw_bytes(xml, markup, strlen(markup));
}

void
yagot_xml_start(yagot_xml *xml, const char *element)
{
    yagot_xml_raw(xml, "<");
    yagot_text_add(&xml->bytes, element);
    xml->in_tag = true;
}

void
yagot_xml_end(yagot_xml *xml, const char *element)
{
    if (xml->in_tag) {
        yagot_text_add(&xml->bytes, "/>");
        xml->in_tag = false;
    }
    else {
        yagot_text_add(&xml->bytes, "</");
        yagot_text_add(&xml->bytes, element);
        yagot_text_add(&xml->bytes, ">");
    }
}

void
yagot_xml_attributes(yagot_xml *xml, const char *markup)
{
    yagot_text_add(&xml->bytes, markup);
}

void
yagot_xml_attribute_bytes(yagot_xml *xml, const char *name, const char *value, size_t size)
{
    yagot_text_add(&xml->bytes, " ");
    yagot_text_add(&xml->bytes, name);
    yagot_text_add(&xml->bytes, "=\"");
    add_escaped(&xml->bytes, value, size, true);
    yagot_text_add(&xml->bytes, "\"");
}

void
yagot_xml_attribute(yagot_xml *xml, const char *name, const char *value)
{
    yagot_xml_attribute_bytes(xml, name, value, strlen(value));
}

void
yagot_xml_number(yagot_xml *xml, const char *name, long long number)
{
    char text[24];
    yagot_xml_attribute_bytes(xml, name, text, (size_t)(yagot_put_digits(text, number, 1) - text));
}

void
yagot_xml_seconds(yagot_xml *xml, const char *name, long long milliseconds)
{
    char text[28];
    yagot_xml_attribute_bytes(xml, name, text, (size_t)(yagot_put_seconds(text, milliseconds, 1) - text));
}

/* The str as UTF-8 that XML can hold; a failure marks the fragment. */
static const yagot_text *
readable(yagot_xml *xml, PyObject *string)
{
    yagot_text_empty(&xml->scratch);
    yagot_text_add_readable(&xml->scratch, string);
    xml->bytes.failed |= xml->scratch.failed;
    return &xml->scratch;
}

void
yagot_xml_attribute_str(yagot_xml *xml, const char *name, PyObject *value)
{
    if (value != Py_None) {
        const yagot_text *text = readable(xml, value);
        yagot_xml_attribute_bytes(xml, name, yagot_text_get(text), text->size);
    }
}

void
yagot_xml_text_bytes(yagot_xml *xml, const char *text, size_t size)
{
    if (size > 0) {
        close_tag(xml);
        add_escaped(&xml->bytes, text, size, false);
    }
}

void
yagot_xml_text_str(yagot_xml *xml, PyObject *string)
{
    const yagot_text *text = readable(xml, string);
    yagot_xml_text_bytes(xml, yagot_text_get(text), text->size);
}
