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

int64_t
yagot_attribute_number(const yagot_attribute *attribute)
{
    size_t size = yagot_attribute_size(attribute);
    int64_t number = 0;
    if (size == 0 || size > 10) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        char c = yagot_attribute_value(attribute)[i];
        if (c < '0' || c > '9') {
            return -1;
        }
        number = number * 10 + (c - '0');
    }
    return number;
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
