/* test_junit_spool.c - test cases of several files, on their way into one. */
#include "check.h"

#include "report/junit_spool.h"

#include <string.h>
#include <sys/mman.h>

static int
open_spool(yagot_spool *spool, yagot_policy policy)
{
    return yagot_spool_init(spool, memfd_create("spool", MFD_CLOEXEC), memfd_create("table", MFD_CLOEXEC), policy);
}

/* Adds a test case to the root. */
static int
add(yagot_spool *spool, const char *name, yagot_kind kind, int64_t milliseconds, const char *xml)
{
    const yagot_identity head = {0};
    yagot_text_empty(&spool->identity);
    yagot_text_add_bytes(&spool->identity, (const char *)&head, sizeof head);
    yagot_text_add_bytes(&spool->identity, "Class", 6);
    yagot_text_add_bytes(&spool->identity, name, strlen(name) + 1);
    return yagot_spool_begin(spool) < 0 || yagot_spool_bytes(spool, xml, strlen(xml)) < 0
           ? -1 : yagot_spool_finish(spool, 0, kind, milliseconds);
}

TEST(a_case_comes_back)
{
    yagot_spool spool;
    yagot_spooled head;
    CHECK(open_spool(&spool, YAGOT_WORST) == 0);
    spool.file_number = 1;
    CHECK(add(&spool, "test_a", YAGOT_FAILURE, 12, "<a/>") == 0);
    CHECK(spool.cases == 1 && yagot_record_kind(&spool.records[0]) == YAGOT_FAILURE);
    CHECK(yagot_spool_map(&spool) == 0 && yagot_spool_head(&spool, spool.records[0].offset, &head) == 0);
    CHECK(head.size == 4 && head.milliseconds == 12);
    CHECK(memcmp(yagot_spool_xml(&spool, spool.records[0].offset, &head), "<a/>", 4) == 0);
    yagot_spool_unmap(&spool);
    yagot_spool_fini(&spool);
}

/* Opens a spool with one test case of two files: it failed in the first, and passed in the second. */
static int
open_with_two_files(yagot_spool *spool, yagot_policy policy)
{
    if (open_spool(spool, policy) < 0) {
        return -1;
    }
    spool->file_number = 1;
    if (add(spool, "test_a", YAGOT_FAILURE, 1, "<first/>") < 0) {
        return -1;
    }
    spool->file_number = 2;
    return add(spool, "test_a", YAGOT_PASSED, 1, "<second/>");
}

TEST(of_two_files_the_worst_outcome_stays)
{
    yagot_spool spool;
    CHECK(open_with_two_files(&spool, YAGOT_WORST) == 0);
    CHECK(spool.cases == 1 && spool.notes.duplicates.count == 1);
    CHECK(yagot_record_kind(&spool.records[0]) == YAGOT_FAILURE);
    CHECK(spool.suites.items[0].sums.outcomes[YAGOT_FAILURE] == 1 && spool.suites.items[0].sums.outcomes[YAGOT_PASSED] == 0);
    yagot_spool_fini(&spool);
}

TEST(of_two_files_the_last_replaces)
{
    yagot_spool spool;
    CHECK(open_with_two_files(&spool, YAGOT_LAST) == 0);
    CHECK(spool.cases == 1 && yagot_record_kind(&spool.records[0]) == YAGOT_PASSED);
    yagot_spool_fini(&spool);
}

TEST(the_same_name_twice_in_one_file_is_two_cases)
{
    yagot_spool spool;
    CHECK(open_spool(&spool, YAGOT_WORST) == 0);
    spool.file_number = 1;
    CHECK(add(&spool, "test_a", YAGOT_PASSED, 1, "<a/>") == 0);
    CHECK(add(&spool, "test_a", YAGOT_PASSED, 1, "<a/>") == 0);
    CHECK(spool.cases == 2 && spool.notes.duplicates.count == 0);
    yagot_spool_fini(&spool);
}

TEST(more_than_the_buffer_holds)
{
    enum { COUNT = 6000 };
    yagot_spool spool;
    yagot_spooled head;
    char name[32], xml[128];
    CHECK(open_spool(&spool, YAGOT_WORST) == 0);
    spool.file_number = 1;
    for (int i = 0; i < COUNT; i++) {
        PyOS_snprintf(name, sizeof name, "test_%d", i);
        PyOS_snprintf(xml, sizeof xml, "<testcase name=\"%s\">%060d</testcase>", name, i);
        CHECK(add(&spool, name, YAGOT_PASSED, i, xml) == 0);
    }
    CHECK(spool.cases == COUNT && spool.file.end > YAGOT_SPOOL_BUFFER);
    CHECK(yagot_spool_map(&spool) == 0);
    for (int i = 0; i < COUNT; i++) {
        PyOS_snprintf(xml, sizeof xml, "<testcase name=\"test_%d\">%060d</testcase>", i, i);
        CHECK(yagot_spool_head(&spool, spool.records[i].offset, &head) == 0);
        CHECK(head.milliseconds == i && head.size == strlen(xml));
        CHECK(memcmp(yagot_spool_xml(&spool, spool.records[i].offset, &head), xml, head.size) == 0);
    }
    yagot_spool_unmap(&spool);
    yagot_spool_fini(&spool);
}

static PyMethodDef methods[] = {
    ENTRY(a_case_comes_back), ENTRY(of_two_files_the_worst_outcome_stays), ENTRY(of_two_files_the_last_replaces),
    ENTRY(the_same_name_twice_in_one_file_is_two_cases), ENTRY(more_than_the_buffer_holds), {0},
};
MODULE(test_junit_spool)
