/* A nexus harvester in C: usage events from a text file, one line each.
 *
 *     cc -std=c11 -O2 -fPIC -shared -I nexus-plugin-api/include -o libtally.so tally.c
 *
 * Six columns with a tab between them: id, instrument, user, start, end, consent. An empty end means
 * that the instrument is in use; times are ISO 8601; `#` begins a remark; consent is given by `yes`.
 * The Rust example in `tally-harvester` reads the same file and gives the same answers.
 *
 * Text and JSON are in nexus_json.h. From top to bottom: the file, the methods, the table.
 */
#include "../nexus_json.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The file. ---- */

enum { ID, INSTRUMENT, USER, START, END, CONSENT, COLUMNS };

static bool read_whole(const char *path, Text *text)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    char block[65536];
    size_t got;
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        add(text, (Span){block, block + got});
    bool good = !ferror(file);
    fclose(file);
    return good;
}

static bool utf8(Span text)
{
    const unsigned char *c = (const unsigned char *)text.at, *end = (const unsigned char *)text.end;
    while (c < end) {
        int more = *c < 0x80 ? 0 : *c >= 0xc2 && *c < 0xe0 ? 1 : *c >= 0xe0 && *c < 0xf0 ? 2 : *c >= 0xf0 && *c < 0xf5 ? 3 : -1;
        if (more < 0 || end - c <= more)
            return false;
        if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) || (*c == 0xf0 && c[1] < 0x90) ||
            (*c == 0xf4 && c[1] > 0x8f))
            return false;
        for (c++; more > 0; more--, c++)
            if ((*c & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* `count` digits off the front, as a number; -1 if they are not there. */
static int digits(Span *text, int count)
{
    int number = 0;
    for (; count > 0; count--, text->at++) {
        if (text->at >= text->end || *text->at < '0' || *text->at > '9')
            return -1;
        number = number * 10 + (*text->at - '0');
    }
    return number;
}

static bool one_of(Span *text, const char *set)
{
    if (text->at >= text->end || !among(*text->at, set))
        return false;
    text->at++;
    return true;
}

/* 2024-03-05T09:10:00, with a fraction, with an offset or Z. One wrong time would cost the whole page. */
static bool is_time(Span text)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = digits(&text, 4);
    if (year < 0 || !one_of(&text, "-"))
        return false;
    int month = digits(&text, 2);
    if (month < 1 || month > 12 || !one_of(&text, "-"))
        return false;
    bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int day = digits(&text, 2);
    if (day < 1 || day > days[month - 1] + leap || !one_of(&text, "T"))
        return false;
    int hour = digits(&text, 2);
    if (hour < 0 || hour > 23 || !one_of(&text, ":"))
        return false;
    int minute = digits(&text, 2);
    if (minute < 0 || minute > 59 || !one_of(&text, ":"))
        return false;
    int second = digits(&text, 2);
    if (second < 0 || second > 59)
        return false;
    if (one_of(&text, ".")) {
        if (digits(&text, 1) < 0)
            return false;
        while (digits(&text, 1) >= 0)
            ;
    }
    if (text.at == text.end)
        return true;
    if (one_of(&text, "Z"))
        return text.at == text.end;
    if (!one_of(&text, "+-"))
        return false;
    int hours = digits(&text, 2);
    if (hours < 0 || hours > 23 || !one_of(&text, ":"))
        return false;
    int minutes = digits(&text, 2);
    return minutes >= 0 && minutes <= 59 && text.at == text.end;
}

/* Takes the next line off the front that is neither empty nor a remark. */
static bool next_line(Span *file, int *number, Span *line)
{
    while (file->at < file->end) {
        const char *stop = memchr(file->at, '\n', (size_t)(file->end - file->at));
        *line = (Span){file->at, stop ? stop : file->end};
        file->at = stop ? stop + 1 : file->end;
        ++*number;
        const char *c = line->at;
        while (c < line->end && among(*c, " \t\r\f"))
            c++;
        if (c < line->end && *line->at != '#')
            return true;
    }
    return false;
}

/* Splits a line; returns why not, or NULL. */
static const char *split(Span line, Span columns[COLUMNS])
{
    if (!utf8(line))
        return "the line is not UTF-8";
    while (line.end > line.at && line.end[-1] == '\r')
        line.end--;
    int count = 0;
    for (const char *c = line.at, *start = line.at;; c++) {
        if (c == line.end || *c == '\t') {
            if (count < COLUMNS)
                columns[count] = (Span){start, c};
            count++;
            start = c + 1;
            if (c == line.end)
                break;
        }
    }
    if (count != COLUMNS)
        return "six columns are needed, with a tab between them";
    if (columns[ID].at == columns[ID].end || columns[INSTRUMENT].at == columns[INSTRUMENT].end)
        return "id and instrument are needed";
    bool open = columns[END].at == columns[END].end;
    if (!is_time(columns[START]) || (!open && !is_time(columns[END])))
        return "a time is not ISO 8601";
    return NULL;
}

/* ---- The methods. An instance is the path of its file. ---- */

static bool should_stop(const NexusCall *call)
{
    /* The host writes the flag from another thread while we look at it. */
    return call->cancel && atomic_load((const _Atomic uint8_t *)call->cancel) != 0;
}

static void log_line(const NexusCall *call, int32_t level, const char *message)
{
    if (call->log)
        call->log(call->log_context, level, (NexusBytes){(const uint8_t *)message, strlen(message)});
}

/* `,"key":"value"`, or nothing for an empty value. */
static void optional(Text *text, const char *key, Span value)
{
    if (value.at == value.end)
        return;
    say(text, ",\"");
    say(text, key);
    say(text, "\":");
    quote(text, value);
}

static void event(Text *text, const Span columns[COLUMNS])
{
    say(text, "{\"external_id\":");
    quote(text, columns[ID]);
    say(text, ",\"session_identifier\":");
    quote(text, columns[ID]);
    say(text, ",\"instrument_pid\":");
    quote(text, columns[INSTRUMENT]);
    optional(text, "user", columns[USER]);
    say(text, ",\"start\":");
    quote(text, columns[START]);
    optional(text, "end", columns[END]);
    say(text, "}");
}

static void separate(Text *list)
{
    if (list->len > 0)
        say(list, ",");
}

/* Whether a list of objects has one whose `name` (in `outer`, if given) is this text. */
static bool mentions(Span list, const char *outer, const char *name, Span text)
{
    Span rest = inside(list), item;
    while (next_value(&rest, &item)) {
        char *value = unquote(member(outer ? member(item, outer) : item, name));
        bool found = value && same(span(value), text);
        free(value);
        if (found)
            return true;
    }
    return false;
}

static void harvest(Text *answer, const NexusCall *call, Span params, Span file)
{
    Span instruments = member(params, "instruments"), line, columns[COLUMNS];
    Text events = {0}, rejected = {0}, outside = {0}, progress = {0};
    int number = 0, count = 0;
    char words[80];
    while (next_line(&file, &number, &line)) {
        if (should_stop(call))
            break;
        const char *problem = split(line, columns);
        if (problem) {
            separate(&rejected);
            snprintf(words, sizeof words, "{\"place\":\"line %d\",\"reason\":", number);
            say(&rejected, words);
            quote(&rejected, span(problem));
            say(&rejected, "}");
        } else if (mentions(instruments, "instrument", "pid", columns[INSTRUMENT])) {
            separate(&events);
            event(&events, columns);
            count++;
        } else {
            separate(&outside);
            say(&outside, "{\"count\":1,\"tool\":");
            quote(&outside, columns[INSTRUMENT]);
            say(&outside, "}");
        }
    }
    Span rest = inside(instruments), item;
    while (next_value(&rest, &item)) {
        separate(&progress);
        say(&progress, "{\"complete\":true,\"instrument_pid\":");
        add(&progress, member(member(item, "instrument"), "pid"));
        say(&progress, "}");
    }
    if (should_stop(call)) {
        say(answer, "\"error\":");
        plugin_error(answer, "transient", "stopped while reading the tally", span(""));
    } else {
        Text *parts[] = {&events, &rejected, &outside, &progress};
        const char *names[] = {"\"ok\":{\"events\":[", "],\"rejected\":[", "],\"outside\":[", "],\"instruments\":["};
        for (int part = 0; part < 4; part++) {
            say(answer, names[part]);
            add(answer, (Span){parts[part]->data, parts[part]->data + parts[part]->len});
            answer->failed |= parts[part]->failed;
        }
        say(answer, "]}");
        snprintf(words, sizeof words, "%d events in the tally", count);
        log_line(call, NEXUS_LOG_INFO, words);
    }
    free(events.data);
    free(rejected.data);
    free(outside.data);
    free(progress.data);
}

static void reservation(Text *answer, Span session, Span file)
{
    Span line, columns[COLUMNS];
    int number = 0;
    char *wanted = unquote(member(session, "session_identifier"));
    bool found = false;
    while (wanted && !found && next_line(&file, &number, &line))
        found = !split(line, columns) && same(span(wanted), columns[ID]);
    free(wanted);
    if (!found) {
        say(answer, "\"gone\"");
    } else if (is(columns[CONSENT], "yes")) {
        say(answer, "{\"reservation\":{\"internal_id\":");
        quote(answer, columns[ID]);
        optional(answer, "username", columns[USER]);
        optional(answer, "start", columns[START]);
        optional(answer, "end", columns[END]);
        say(answer, "}}");
    } else {
        Text reason = {0};
        say(&reason, "the tally says `");
        add(&reason, columns[CONSENT]);
        say(&reason, "`");
        say(answer, "{\"no_consent\":{\"reason\":");
        quote(answer, (Span){reason.data, reason.data + reason.len});
        say(answer, "}}");
        answer->failed |= reason.failed;
        free(reason.data);
    }
}

static void reservations(Text *answer, Span params, Span file)
{
    Span sessions = member(params, "sessions"), rest = inside(sessions), session;
    if (sessions.at == sessions.end || *sessions.at != '[') {
        say(answer, "\"error\":");
        plugin_error(answer, "permanent", "`sessions` is missing, or no list", span(""));
        return;
    }
    say(answer, "\"ok\":{\"answers\":[");
    for (bool first = true; next_value(&rest, &session); first = false) {
        if (!first)
            say(answer, ",");
        reservation(answer, session, file);
    }
    say(answer, "]}");
}

static void check(Text *answer, const char *path, bool readable)
{
    say(answer, "\"ok\":{\"items\":[{\"name\":\"tally readable\",\"result\":");
    say(answer, readable ? "\"ok\"" : "\"failed\"");
    say(answer, ",\"detail\":");
    quote(answer, span(path));
    say(answer, "}]}");
}

/* ---- The table. ---- */

static int32_t manifest(NexusBuffer *out)
{
    Text text = {0};
    if (!out)
        return NEXUS_BAD_ARGUMENT;
    say(&text, "{\"name\":\"tally-c\",\"version\":\"0.1.0\",\"kind\":\"harvester\",\"protocol\":\"1.0\","
               "\"summary\":\"Reads a text file with one use of an instrument per line.\","
               "\"settings\":{\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\","
               "\"description\":\"Path of the tally.\"}},\"required\":[\"file\"]}}");
    return hand_over(&text, NEXUS_OK, out);
}

static int32_t create(NexusBytes settings, void **instance, NexusBuffer *out)
{
    Text text = {0};
    if (!settings.data || !instance || !out)
        return NEXUS_BAD_ARGUMENT;
    *instance = NULL;
    const char *at = (const char *)settings.data;
    char *path = unquote(member((Span){at, at + settings.len}, "file"));
    if (!path) {
        plugin_error(&text, "permanent", "`file` is missing", span(""));
        return hand_over(&text, NEXUS_FAILED, out);
    }
    *instance = path;
    return NEXUS_OK;
}

static int32_t answer(void *instance, const NexusCall *call, NexusBytes bytes, NexusBuffer *out)
{
    if (!instance || !call || call->struct_size < NEXUS_CALL_SIZE_1_0 || !bytes.data || !out)
        return NEXUS_BAD_ARGUMENT;
    Span request = {(const char *)bytes.data, (const char *)bytes.data + bytes.len};
    Span id = member(request, "id"), method = member(request, "method"), params = member(request, "params");
    bool wants_file = is(method, "\"harvest\"") || is(method, "\"reservations\"") || is(method, "\"check\"");
    Text file = {0}, text = {0};
    say(&text, "{\"id\":");
    add(&text, id.at == id.end ? span("0") : id);
    say(&text, ",");
    bool readable = wants_file && read_whole(instance, &file);
    const char *reason = strerror(errno);
    Span content = {file.data, file.data + file.len};
    if (!wants_file) {
        say(&text, "\"unsupported\":true");
    } else if (is(method, "\"check\"")) {
        check(&text, instance, readable);
    } else if (!readable) {
        say(&text, "\"error\":");
        plugin_error(&text, "transient", "the tally cannot be read: ", span(reason));
    } else if (is(method, "\"harvest\"")) {
        harvest(&text, call, params, content);
    } else {
        reservations(&text, params, content);
    }
    say(&text, "}");
    text.failed |= file.failed;
    free(file.data);
    return hand_over(&text, NEXUS_OK, out);
}

static void release(NexusBuffer buffer) { free(buffer.data); }

static void destroy(void *instance) { free(instance); }

static const NexusPluginTable table = {
    .abi_version = NEXUS_PLUGIN_ABI_VERSION,
    .struct_size = sizeof(NexusPluginTable),
    .manifest = manifest,
    .create = create,
    .call = answer,
    .free = release,
    .destroy = destroy,
};

const NexusPluginTable *nexus_plugin_entry(void) { return &table; }
