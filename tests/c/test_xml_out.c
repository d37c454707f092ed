/* test_xml_out.c - fragments of XML. */
#include "check.h"

#include "report/xml_out.h"

#include <string.h>

static bool
is(const yagot_xml *xml, const char *wanted)
{
    size_t size;
    const char *bytes = yagot_xml_bytes(xml, &size);
    return bytes != NULL && size == strlen(wanted) && memcmp(bytes, wanted, size) == 0;
}

TEST(an_element_without_content_is_empty)
{
    yagot_xml xml = {0};
    yagot_xml_start(&xml, "a");
    yagot_xml_end(&xml, "a");
    CHECK(is(&xml, "<a/>"));
    yagot_xml_fini(&xml);
}

TEST(elements_attributes_and_text)
{
    yagot_xml xml = {0};
    yagot_xml_start(&xml, "a");
    yagot_xml_attribute(&xml, "b", "c");
    yagot_xml_number(&xml, "n", 7);
    yagot_xml_seconds(&xml, "time", 1500);
    yagot_xml_text_bytes(&xml, "text", 4);
    yagot_xml_end(&xml, "a");
    CHECK(is(&xml, "<a b=\"c\" n=\"7\" time=\"1.500\">text</a>"));
    yagot_xml_fini(&xml);
}

TEST(white_space_comes_back_as_it_was)
{
    yagot_xml xml = {0};
    yagot_xml_start(&xml, "a");
    yagot_xml_attribute(&xml, "b", "<\"&\n\t\r>");
    yagot_xml_text_bytes(&xml, "<\"&\n\t\r>", 7);
    yagot_xml_end(&xml, "a");
    CHECK(is(&xml, "<a b=\"&lt;&quot;&amp;&#10;&#9;&#13;&gt;\">&lt;\"&amp;\n\t&#13;&gt;</a>"));
    yagot_xml_fini(&xml);
}

TEST(none_leaves_an_attribute_out)
{
    yagot_xml xml = {0};
    yagot_xml_start(&xml, "a");
    yagot_xml_attribute_str(&xml, "b", Py_None);
    yagot_xml_end(&xml, "a");
    CHECK(is(&xml, "<a/>"));
    yagot_xml_fini(&xml);
}

TEST(reset_forgets_an_open_tag)
{
    yagot_xml xml = {0};
    yagot_xml_start(&xml, "a");
    yagot_xml_reset(&xml);
    yagot_xml_text_bytes(&xml, "b", 1);
    CHECK(is(&xml, "b"));
    yagot_xml_fini(&xml);
}

static PyMethodDef methods[] = {
    ENTRY(an_element_without_content_is_empty), ENTRY(elements_attributes_and_text),
    ENTRY(white_space_comes_back_as_it_was), ENTRY(none_leaves_an_attribute_out), ENTRY(reset_forgets_an_open_tag), {0},
};
MODULE(test_xml_out)
