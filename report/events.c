/* See events.h. A field of a protocol buffer is a key, number * 8 + kind, and a value: kind 0 a whole number in groups of seven bits,
 * 1 eight bytes, 2 a length and so many bytes, 5 four bytes. */
#include "report/events.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* Field numbers of event.proto, summary.proto and the plugin's plugin_data.proto. */
enum {
    EVENT_TIME = 1, EVENT_STEP = 2, EVENT_VERSION = 3, EVENT_SUMMARY = 5,
    SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, VALUE_IMAGE = 4, VALUE_METADATA = 9,
    IMAGE_HEIGHT = 1, IMAGE_WIDTH = 2, IMAGE_COLOURS = 3, IMAGE_BYTES = 4, COLOURS_RGB = 3,
    METADATA_PLUGIN = 1, PLUGIN_NAME = 1, PLUGIN_CONTENT = 2,
    HYPER_START = 3, START_HYPER = 1, START_TIME = 5, ENTRY_KEY = 1, ENTRY_VALUE = 2, ANY_NUMBER = 2, ANY_TEXT = 3
};

/* ---- bytes that grow ---- */

static void add(struct sab_events *b, const void *data, size_t n)
{
    if (b->is_full)
        return;
    if (n > b->cap - b->nbytes) {
        size_t cap = 2 * (b->nbytes + n) + 256;
        uint8_t *bytes = sab_alloc(cap, 1);
        if (!bytes) {
            b->is_full = 1;
            return;
        }
        if (b->nbytes > 0)
            memcpy(bytes, b->bytes, b->nbytes);
        sab_free(b->bytes);
        b->bytes = bytes;
        b->cap = cap;
    }
    if (n > 0)
        memcpy(b->bytes + b->nbytes, data, n);
    b->nbytes += n;
}

static void add_fixed(struct sab_events *b, uint64_t value, int nbytes)
{
    uint8_t bytes[8];
    for (int i = 0; i < nbytes; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    add(b, bytes, (size_t)nbytes);
}

static void add_varint(struct sab_events *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        add(b, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    add(b, &(uint8_t){(uint8_t)value}, 1);
}

static void add_double(struct sab_events *b, int field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    add_varint(b, (uint64_t)field << 3 | 1);
    add_fixed(b, bits, 8);
}

static void add_float(struct sab_events *b, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    add_varint(b, (uint64_t)field << 3 | 5);
    add_fixed(b, bits, 4);
}

static void add_bytes(struct sab_events *b, int field, const void *data, size_t n)
{
    add_varint(b, (uint64_t)field << 3 | 2);
    add_varint(b, n);
    add(b, data, n);
}

static void add_text(struct sab_events *b, int field, const char *text)
{
    add_bytes(b, field, text, strlen(text));
}

/* Adds a message as a field of another, and gives it back. */
static void add_message(struct sab_events *b, int field, struct sab_events *message)
{
    add_bytes(b, field, message->bytes, message->nbytes);
    b->is_full |= message->is_full;
    sab_events_clear(message);
}

/* ---- records ---- */

/* CRC-32C (Castagnoli), a bit at a time: these files are small. */
static uint32_t crc32c(const uint8_t *bytes, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* As the format has it: rotated, and a constant added. */
static uint32_t masked(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void add_record(struct sab_events *b, struct sab_events *event)
{
    size_t start = b->nbytes;
    add_fixed(b, event->nbytes, 8);
    if (b->is_full || event->is_full) {
        b->is_full = 1;
    } else {
        add_fixed(b, masked(crc32c(b->bytes + start, 8)), 4);
        add(b, event->bytes, event->nbytes);
        add_fixed(b, masked(crc32c(event->bytes, event->nbytes)), 4);
    }
    sab_events_clear(event);
}

void sab_events_begin(struct sab_events *events, double time)
{
    struct sab_events event = {0};
    add_double(&event, EVENT_TIME, time);
    add_text(&event, EVENT_VERSION, "brain.Event:2");
    add_record(events, &event);
}

static void add_summary(struct sab_events *events, double time, int64_t step, struct sab_events *value)
{
    struct sab_events event = {0}, summary = {0};
    add_double(&event, EVENT_TIME, time);
    add_varint(&event, EVENT_STEP << 3);
    add_varint(&event, (uint64_t)step);
    add_message(&summary, SUMMARY_VALUE, value);
    add_message(&event, EVENT_SUMMARY, &summary);
    add_record(events, &event);
}

void sab_events_scalar(struct sab_events *events, double time, int64_t step, const char *tag, double value)
{
    struct sab_events one = {0};
    add_text(&one, VALUE_TAG, tag);
    add_float(&one, VALUE_SIMPLE, (float)value);
    add_summary(events, time, step, &one);
}

static void add_whole(struct sab_events *b, int field, uint64_t value)
{
    add_varint(b, (uint64_t)field << 3);
    add_varint(b, value);
}

void sab_events_image(struct sab_events *events, double time, int64_t step, const char *tag, int width, int height, const uint8_t *png,
                      size_t nbytes)
{
    struct sab_events one = {0}, image = {0};
    add_whole(&image, IMAGE_HEIGHT, (uint64_t)height);
    add_whole(&image, IMAGE_WIDTH, (uint64_t)width);
    add_whole(&image, IMAGE_COLOURS, COLOURS_RGB);
    add_bytes(&image, IMAGE_BYTES, png, nbytes);
    add_text(&one, VALUE_TAG, tag);
    add_message(&one, VALUE_IMAGE, &image);
    add_summary(events, time, step, &one);
}

void sab_events_hyperparameters(struct sab_events *events, double time, int n, const char *const *names, const char *const *values)
{
    struct sab_events start = {0}, data = {0}, plugin = {0}, metadata = {0}, value = {0};
    for (int i = 0; i < n; i++) {
        struct sab_events entry = {0}, any = {0};
        double number;
        if (sab_text_to_real(values[i], &number) == 0)
            add_double(&any, ANY_NUMBER, number);
        else
            add_text(&any, ANY_TEXT, values[i]);
        add_text(&entry, ENTRY_KEY, names[i]);
        add_message(&entry, ENTRY_VALUE, &any);
        add_message(&start, START_HYPER, &entry);
    }
    add_double(&start, START_TIME, time);
    add_message(&data, HYPER_START, &start);
    add_text(&plugin, PLUGIN_NAME, "hparams");
    add_message(&plugin, PLUGIN_CONTENT, &data);
    add_message(&metadata, METADATA_PLUGIN, &plugin);
    add_text(&value, VALUE_TAG, "_hparams_/session_start_info");
    add_message(&value, VALUE_METADATA, &metadata);
    add_summary(events, time, 0, &value);
}

void sab_events_clear(struct sab_events *events)
{
    sab_free(events->bytes);
    *events = (struct sab_events){0};
}
