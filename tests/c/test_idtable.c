/* test_idtable.c - the table from an address to a number. */
#include "check.h"

#include "base/idtable.h"

static const void *
address(size_t number)
{
    return (const void *)(uintptr_t)(0x7f0000000000u + number * 16);
}

TEST(empty_has_nothing)
{
    yagot_idtable table;
    CHECK(yagot_idtable_init(&table) == 0);
    CHECK(yagot_idtable_get(&table, address(1)) == YAGOT_NONE);
    CHECK(yagot_idtable_number(&table, address(1)) == 0);
    yagot_idtable_fini(&table);
}

TEST(indices_and_numbers_are_one_apart)
{
    yagot_idtable table;
    CHECK(yagot_idtable_init(&table) == 0);
    CHECK(yagot_idtable_put(&table, address(1), 0) == 0);
    CHECK(yagot_idtable_number(&table, address(1)) == 1);
    CHECK(yagot_idtable_set_number(&table, address(1), 0) == 0);
    CHECK(yagot_idtable_get(&table, address(1)) == YAGOT_NONE);
    yagot_idtable_fini(&table);
}

TEST(neighbours_do_not_mix)
{
    yagot_idtable table;
    CHECK(yagot_idtable_init(&table) == 0);
    CHECK(yagot_idtable_put(&table, address(1), 7) == 0);
    CHECK(yagot_idtable_get(&table, address(0)) == YAGOT_NONE);
    CHECK(yagot_idtable_get(&table, address(2)) == YAGOT_NONE);
    CHECK(yagot_idtable_get(&table, address(1)) == 7);
    yagot_idtable_fini(&table);
}

TEST(grows_and_keeps_everything)
{
    enum { COUNT = 200000, STRIDE = 37 };       /* thousands of pages, in no order of theirs */
    yagot_idtable table;
    CHECK(yagot_idtable_init(&table) == 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK(yagot_idtable_put(&table, address((size_t)i * STRIDE), i) == 0);
    }
    for (uint32_t i = COUNT; i-- > 0;) {
        CHECK(yagot_idtable_get(&table, address((size_t)i * STRIDE)) == i);
        CHECK(yagot_idtable_get(&table, address((size_t)i * STRIDE + 1)) == YAGOT_NONE);
    }
    yagot_idtable_fini(&table);
}

TEST(a_slot_stays_where_it_is)
{
    yagot_idtable table;
    CHECK(yagot_idtable_init(&table) == 0);
    uint32_t *slot = yagot_idtable_slot(&table, address(1));
    CHECK(slot != NULL);
    for (uint32_t i = 2; i < 100000; i++) {
        CHECK(yagot_idtable_put(&table, address((size_t)i * 1000), i) == 0);
    }
    *slot = 5;
    CHECK(yagot_idtable_number(&table, address(1)) == 5);
    yagot_idtable_fini(&table);
}

static PyMethodDef methods[] = {
    ENTRY(empty_has_nothing), ENTRY(indices_and_numbers_are_one_apart), ENTRY(neighbours_do_not_mix),
    ENTRY(grows_and_keeps_everything), ENTRY(a_slot_stays_where_it_is), {0},
};
MODULE(test_idtable)
