/* junit_attributes.c - report: see junit_attributes.h. */
#include "report/junit_attributes.h"

#include <string.h>
#include <strings.h>

const yagot_attribute *
yagot_attribute_find(const yagot_attributes *attributes, const char *name)
{
    for (int i = 0; i < attributes->count; i++) {
        const yagot_attribute *a = &attributes->all[i];
        if (a->prefix == NULL && strcmp((const char *)a->name, name) == 0) {
            return a;
        }
    }
    return NULL;
}

const char *
yagot_attribute_value(const yagot_attribute *attribute)
{
    return attribute != NULL ? (const char *)attribute->value : "";
}

size_t
yagot_attribute_size(const yagot_attribute *attribute)
{
    return attribute != NULL ? (size_t)(attribute->end - attribute->value) : 0;
}

bool
yagot_attribute_is(const yagot_attribute *attribute, const char *const *values)
{
    size_t size = yagot_attribute_size(attribute);
    for (; *values != NULL; values++) {
        if (size == strlen(*values) && strncasecmp(yagot_attribute_value(attribute), *values, size) == 0) {
            return attribute != NULL;
        }
    }
    return false;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A number's decimals that say nothing, as in 2.0, are left out. */
static size_t
without_zeros(const char *text, size_t size)
{
    size_t point = size;
    while (point > 0 && text[point - 1] == '0') {
        point--;
    }
    return point > 1 && point < size && text[point - 1] == '.' ? point - 1 : size;
}

int64_t
yagot_attribute_number(const yagot_attribute *attribute)
{
    const char *text = yagot_attribute_value(attribute), *end = text + yagot_attribute_size(attribute);
    while (text < end && is_blank(*text)) {
        text++;
    }
    while (end > text && is_blank(end[-1])) {
        end--;
    }
    text += text < end && *text == '+';
    end = text + without_zeros(text, (size_t)(end - text));
    int64_t number = 0;
    size_t digits = 0, left = (size_t)(end - text);
    bool grouped = memchr(text, ',', left) != NULL;
    for (; text < end; text++, left--) {
        if (*text == ',' && digits > 0 && left % 4 == 0) {
            continue;                       /* between thousands, as in 1,234 */
        }
        if (*text < '0' || *text > '9' || ++digits > 10 || (grouped && left % 4 == 0)) {
            return -1;
        }
        number = number * 10 + (*text - '0');
    }
    return digits > 0 ? number : -1;
}

bool
yagot_attribute_among(const yagot_attribute *attribute, const char *const *names)
{
    if (attribute->prefix != NULL) {
        return false;
    }
    while (*names != NULL && strcmp((const char *)attribute->name, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

/* Declares the namespace of an attribute's prefix, unless an attribute before it has the same. */
static void
declare_prefix(yagot_xml *xml, const yagot_attributes *attributes, const yagot_attribute *a)
{
    char name[128];
    bool declared = strcmp((const char *)a->prefix, "xml") == 0;
    for (const yagot_attribute *before = attributes->all; before < a && !declared; before++) {
        declared = before->prefix != NULL && strcmp((const char *)before->prefix, (const char *)a->prefix) == 0;
    }
    if (!declared) {
        PyOS_snprintf(name, sizeof name, "xmlns:%.100s", a->prefix);
        yagot_xml_attribute(xml, name, (const char *)a->uri);
    }
}

void
yagot_attributes_write(yagot_xml *xml, const yagot_attributes *attributes, const char *const *without)
{
    char name[256];
    for (int i = 0; i < attributes->count; i++) {
        const yagot_attribute *a = &attributes->all[i];
        if (without != NULL && yagot_attribute_among(a, without)) {
            continue;
        }
        if (a->prefix == NULL) {
            yagot_xml_attribute_bytes(xml, (const char *)a->name, (const char *)a->value, yagot_attribute_size(a));
        }
        else if (a->uri != NULL && strlen((const char *)a->prefix) <= 100 && strlen((const char *)a->name) <= 100) {
            declare_prefix(xml, attributes, a);
            PyOS_snprintf(name, sizeof name, "%s:%s", a->prefix, a->name);
            yagot_xml_attribute_bytes(xml, name, (const char *)a->value, yagot_attribute_size(a));
        }
    }
}
