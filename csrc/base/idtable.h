/* idtable.h - an address -> index table.
 *
 * Objects lie densely in pages, so the table has a small hash of pages and, for each page, an array
 * with one slot per 16 bytes. Walking objects in the order of their creation then touches the table in
 * order too, which a flat hash of addresses would not. 512 bytes for each 2 KiB of the heap that hold a key.
 *
 * Two objects never share 16 bytes, but an address that is no key may fall into a key's slot: the
 * caller compares the object stored under the index.
 *
 * In:  addresses; nothing is known of what lies there, and no reference is taken.
 * Out: an index for each. -1 or NULL without an exception when memory is short.
 */
#ifndef YAGOT_IDTABLE_H
#define YAGOT_IDTABLE_H

#include "core.h"

enum { YAGOT_PAGE_BITS = 11, YAGOT_LEAF_SLOTS = 1 << (YAGOT_PAGE_BITS - 4) };

typedef struct {
    uintptr_t page;         /* address / page size; 0: free */
    uint32_t *slots;        /* index + 1; 0: none */
} yagot_page;

typedef struct yagot_chunk yagot_chunk;

typedef struct {
    yagot_page *pages;      /* owned; open addressing, a power of two */
    size_t mask, used;
    yagot_chunk *chunks;    /* owned; the slots' memory */
    size_t free_leaves;     /* left in the newest chunk */
    uintptr_t last_page;    /* one-entry cache */
    uint32_t *last_slots;
} yagot_idtable;

int yagot_idtable_init(yagot_idtable *table);
void yagot_idtable_fini(yagot_idtable *table);
/* Takes all numbers from the table but for one. */
void yagot_idtable_keep(yagot_idtable *table, uint32_t number);
/* The bytes that all tables together have taken from malloc: those that live long grow with what they see. */
size_t yagot_idtables_bytes(void);
/* The slot of an address, made if need be; NULL when memory is short. Valid for the table's life. */
uint32_t *yagot_idtable_slot(yagot_idtable *table, const void *address);

/* The place of a page: its own or the free one where it belongs. There always is a free one. Pages in use come
 * in long runs: multiplying by 2^64 / golden ratio keeps those from filling neighbouring places. */
static inline yagot_page *
yagot_idtable_page(yagot_page *pages, size_t mask, uintptr_t page)
{
    size_t i = (size_t)(((uint64_t)page * 0x9E3779B97F4A7C15u) >> 32) & mask;
    while (pages[i].page != 0 && pages[i].page != page) {
        i = (i + 1) & mask;
    }
    return &pages[i];
}

static inline size_t
yagot_idtable_slot_of(const void *address)
{
    return ((uintptr_t)address >> 4) & (YAGOT_LEAF_SLOTS - 1);
}

/* The index stored for an address, or YAGOT_NONE. Here, as it is what all walks do most. */
static inline uint32_t
yagot_idtable_get(yagot_idtable *table, const void *address)
{
    uintptr_t page = (uintptr_t)address >> YAGOT_PAGE_BITS;
    if (page != table->last_page || table->last_slots == NULL) {
        const yagot_page *entry = yagot_idtable_page(table->pages, table->mask, page);
        if (entry->page == 0) {
            return YAGOT_NONE;
        }
        table->last_page = page;
        table->last_slots = entry->slots;
    }
    return table->last_slots[yagot_idtable_slot_of(address)] - 1;       /* 0 - 1 is YAGOT_NONE */
}

/* The same table with numbers instead of indices; 0: none. */
static inline uint32_t
yagot_idtable_number(yagot_idtable *table, const void *address)
{
    return yagot_idtable_get(table, address) + 1;
}

static inline int
yagot_idtable_set_number(yagot_idtable *table, const void *address, uint32_t number)
{
    uint32_t *slot = yagot_idtable_slot(table, address);
    if (slot == NULL) {
        return -1;
    }
    *slot = number;
    return 0;
}

static inline int
yagot_idtable_put(yagot_idtable *table, const void *address, uint32_t index)
{
    return yagot_idtable_set_number(table, address, index + 1);
}

#endif
