/* idtable.c - see idtable.h. */
#include "base/idtable.h"

#include <string.h>

enum { LEAF_SLOTS = YAGOT_LEAF_SLOTS, FIRST_PAGES = 16, FIRST_LEAVES = 4, MOST_LEAVES = 64 };

struct yagot_chunk {
    yagot_chunk *next;
    size_t leaves;          /* doubles from chunk to chunk: small tables are made often */
    uint32_t slots[][LEAF_SLOTS];
};

static size_t
chunk_size(size_t leaves)
{
    return sizeof(yagot_chunk) + leaves * LEAF_SLOTS * sizeof(uint32_t);
}

/* What all tables have taken from malloc. */
static _Atomic size_t taken;

/* malloc adds a word to each block, and gives a multiple of sixteen bytes. */
static size_t
malloc_size(size_t size)
{
    return (size + sizeof(size_t) + 15) & ~(size_t)15;
}

static void *
take(size_t size)
{
    void *block = PyMem_RawMalloc(size);
    taken += block != NULL ? malloc_size(size) : 0;
    return block;
}

static void
give_back(void *block, size_t size)
{
    taken -= block != NULL ? malloc_size(size) : 0;
    PyMem_RawFree(block);
}

size_t
yagot_idtables_bytes(void)
{
    return taken;
}

static yagot_page *
new_pages(size_t count)
{
    yagot_page *pages = take(count * sizeof *pages);
    return pages != NULL ? memset(pages, 0, count * sizeof *pages) : NULL;
}

int
yagot_idtable_init(yagot_idtable *table)
{
    memset(table, 0, sizeof *table);
    table->pages = new_pages(FIRST_PAGES);
    if (table->pages == NULL) {
        return -1;
    }
    table->mask = FIRST_PAGES - 1;
    return 0;
}

void
yagot_idtable_keep(yagot_idtable *table, uint32_t number)
{
    for (size_t i = 0; i <= table->mask; i++) {
        for (size_t slot = 0; table->pages[i].page != 0 && slot < LEAF_SLOTS; slot++) {
            uint32_t *found = &table->pages[i].slots[slot];
            *found = *found == number ? number : 0;
        }
    }
}

void
yagot_idtable_fini(yagot_idtable *table)
{
    while (table->chunks != NULL) {
        yagot_chunk *chunk = table->chunks;
        table->chunks = chunk->next;
        give_back(chunk, chunk_size(chunk->leaves));
    }
    give_back(table->pages, (table->mask + 1) * sizeof *table->pages);
    memset(table, 0, sizeof *table);
}

static int
grow(yagot_idtable *table)
{
    size_t mask = table->mask * 2 + 1;
    yagot_page *pages = new_pages(mask + 1);
    if (pages == NULL) {
        return -1;
    }
    for (size_t i = 0; i <= table->mask; i++) {
        if (table->pages[i].page != 0) {
            *yagot_idtable_page(pages, mask, table->pages[i].page) = table->pages[i];
        }
    }
    give_back(table->pages, (table->mask + 1) * sizeof *table->pages);
    table->pages = pages;
    table->mask = mask;
    return 0;
}

static uint32_t *
new_leaf(yagot_idtable *table)
{
    if (table->free_leaves == 0) {
        size_t leaves = table->chunks == NULL ? FIRST_LEAVES
                        : table->chunks->leaves < MOST_LEAVES ? table->chunks->leaves * 2 : MOST_LEAVES;
        yagot_chunk *chunk = take(chunk_size(leaves));
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = table->chunks;
        chunk->leaves = leaves;
        table->chunks = chunk;
        table->free_leaves = leaves;
    }
    uint32_t *leaf = table->chunks->slots[--table->free_leaves];
    memset(leaf, 0, sizeof table->chunks->slots[0]);    /* most of a chunk is often left unused */
    return leaf;
}

static uint32_t *
page_slots(yagot_idtable *table, uintptr_t page)
{
    yagot_page *entry = yagot_idtable_page(table->pages, table->mask, page);
    if (entry->page == 0) {
        if (table->used * 2 > table->mask) {
            if (grow(table) < 0) {
                return NULL;
            }
            entry = yagot_idtable_page(table->pages, table->mask, page);
        }
        uint32_t *leaf = new_leaf(table);
        if (leaf == NULL) {
            return NULL;
        }
        *entry = (yagot_page){page, leaf};
        table->used++;
    }
    return entry->slots;
}

uint32_t *
yagot_idtable_slot(yagot_idtable *table, const void *address)
{
    uintptr_t page = (uintptr_t)address >> YAGOT_PAGE_BITS;
    if (page != table->last_page || table->last_slots == NULL) {
        uint32_t *slots = page_slots(table, page);
        if (slots == NULL) {
            return NULL;
        }
        table->last_page = page;
        table->last_slots = slots;
    }
    return &table->last_slots[yagot_idtable_slot_of(address)];
}
