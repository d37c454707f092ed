/* junit_attributes.h - the attributes of a JUnit file's elements, read and written again.
 *
 * In:  attributes as the parser gives them, valid until its event is over.
 * Out: numbers, borrowed parts of the values, and markup in a yagot_xml. A name or value that is missing is empty.
 */
#ifndef YAGOT_JUNIT_ATTRIBUTES_H
#define YAGOT_JUNIT_ATTRIBUTES_H

#include "report/junit_spool.h"
#include "report/xml_in.h"
#include "report/xml_out.h"

typedef struct {
    const yagot_attribute *all;     /* borrowed */
    int count;
} yagot_attributes;

/* The attribute of this name, without a prefix; NULL if there is none. */
const yagot_attribute *yagot_attribute_find(const yagot_attributes *attributes, const char *name);
/* Its value, which does not end with a NUL, and the value's size; empty for NULL. */
const char *yagot_attribute_value(const yagot_attribute *attribute);
size_t yagot_attribute_size(const yagot_attribute *attribute);
/* Is it one of these values (an array that ends with NULL), in capitals or not? */
bool yagot_attribute_is(const yagot_attribute *attribute, const char *const *values);
/* The number it is, up to ten digits; -1 if it is none. */
int64_t yagot_attribute_number(const yagot_attribute *attribute);
/* Is its name one of these? */
bool yagot_attribute_among(const yagot_attribute *attribute, const char *const *names);
/* Writes all but those of these names; the namespaces of prefixes are declared where they are used. */
void yagot_attributes_write(yagot_xml *xml, const yagot_attributes *attributes, const char *const *without);

#endif
