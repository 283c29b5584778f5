/* JSON for a nexus plugin in C: text that is written, and JSON that is read, in memory of its own or in place.
 *
 * Copy it beside your plugin together with nexus_plugin.h; it needs nothing but the C library. It reads the JSON
 * of the host, which is well-formed; whatever else it is given, it only never runs over the end.
 */
#ifndef NEXUS_JSON_H
#define NEXUS_JSON_H

#include "nexus_plugin.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some bytes of somebody else's. */
typedef struct Span {
    const char *at, *end;
} Span;

static inline Span span(const char *text) { return (Span){text, text + strlen(text)}; }

static inline bool is(Span bytes, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(bytes.end - bytes.at) == len && memcmp(bytes.at, text, len) == 0;
}

/* strchr would find the final zero as well. */
static inline bool among(char c, const char *set) { return c != '\0' && strchr(set, c); }

static inline bool same(Span a, Span b)
{
    return a.end - a.at == b.end - b.at && memcmp(a.at, b.at, (size_t)(a.end - a.at)) == 0;
}

/* ---- Text that grows. Once memory ran out, `failed` stays set and the rest is dropped. ---- */

typedef struct Text {
    char *data;
    size_t len, room;
    bool failed;
} Text;

static inline void add(Text *text, Span bytes)
{
    size_t more = (size_t)(bytes.end - bytes.at);
    if (text->failed || more == 0)
        return;
    if (text->len + more > text->room) {
        size_t room = (text->len + more) * 2;
        char *data = realloc(text->data, room);
        if (!data) {
            text->failed = true;
            return;
        }
        text->data = data;
        text->room = room;
    }
    memcpy(text->data + text->len, bytes.at, more);
    text->len += more;
}

static inline void say(Text *text, const char *words) { add(text, span(words)); }

/* As a JSON string, quotes included. */
static inline void quote(Text *text, Span bytes)
{
    say(text, "\"");
    for (const char *c = bytes.at; c < bytes.end; c++) {
        char code[8];
        if (*c == '"' || *c == '\\')
            snprintf(code, sizeof code, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            snprintf(code, sizeof code, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            snprintf(code, sizeof code, "%c", *c);
        say(text, code);
    }
    say(text, "\"");
}

/* Hands the text over to the host, which gives it back to `release`. */
static inline int32_t hand_over(Text *text, int32_t code, NexusBuffer *out)
{
    if (text->failed) {
        free(text->data);
        return NEXUS_PANICKED;
    }
    *out = (NexusBuffer){(uint8_t *)text->data, text->len};
    return code;
}

/* An error, with its effect: "none" if certainly nothing was done, "maybe" if perhaps something was, such as an answer
 * that was lost on its way. In doubt, "maybe": a wrong "none" makes a second record, a wrong "maybe" costs one question. */
static inline void plugin_failure(Text *text, const char *class, const char *effect, const char *message, Span about)
{
    say(text, "{\"class\":\"");
    say(text, class);
    say(text, "\",\"effect\":\"");
    say(text, effect);
    say(text, "\",\"message\":");
    Text whole = {0};
    say(&whole, message);
    add(&whole, about);
    quote(text, (Span){whole.data, whole.data + whole.len});
    text->failed |= whole.failed;
    free(whole.data);
    say(text, "}");
}

/* An error of something that was certainly not done, or that only reads. */
static inline void plugin_error(Text *text, const char *class, const char *message, Span about)
{
    plugin_failure(text, class, "none", message, about);
}

/* ---- JSON, as far as a plugin needs it. The host's JSON is well-formed; this only never runs over the end. ---- */

static inline void skip_space(Span *json)
{
    while (json->at < json->end && among(*json->at, " \t\r\n,:"))
        json->at++;
}

/* Takes the next value, whatever it is, off the front. */
static inline bool next_value(Span *json, Span *value)
{
    skip_space(json);
    if (json->at >= json->end || *json->at == ']' || *json->at == '}')
        return false;
    const char *start = json->at;
    int depth = 0;
    bool quoted = false;
    for (; json->at < json->end; json->at++) {
        char c = *json->at;
        if (quoted) {
            if (c == '\\')
                json->at++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
            continue;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        } else if (depth == 0 && among(c, " \t\r\n,:]}")) {
            break;
        }
        if (depth == 0 && !quoted && among(c, "\"}]")) {
            json->at++;
            break;
        }
    }
    if (json->at > json->end)
        json->at = json->end;
    *value = (Span){start, json->at};
    return true;
}

/* The inside of an object or a list; empty if it is neither. */
static inline Span inside(Span value)
{
    bool nested = value.end - value.at >= 2 && (*value.at == '{' || *value.at == '[');
    return nested ? (Span){value.at + 1, value.end - 1} : (Span){value.at, value.at};
}

/* A member of an object; an empty span if there is none. The keys asked for need no escapes. */
static inline Span member(Span object, const char *key)
{
    Span rest = inside(object), name, value;
    while (next_value(&rest, &name) && next_value(&rest, &value))
        if (name.end - name.at >= 2 && is((Span){name.at + 1, name.end - 1}, key))
            return value;
    return (Span){object.at, object.at};
}

/* The four hexadecimal digits at `at` as a number; 0 if they are not there. */
static inline unsigned hex4(const char *at, const char *end)
{
    static const char alphabet[] = "0123456789abcdef0123456789ABCDEF";
    unsigned code = 0;
    for (int digit = 0; digit < 4; digit++, at++) {
        if (at >= end || !among(*at, alphabet))
            return 0;
        code = code * 16 + (unsigned)(strchr(alphabet, *at) - alphabet) % 16;
    }
    return code;
}

/* The text of a JSON string, in memory of its own with a final zero; NULL if it is none. */
static inline char *unquote(Span value)
{
    if (value.end - value.at < 2 || *value.at != '"')
        return NULL;
    char *text = malloc((size_t)(value.end - value.at));
    if (!text)
        return NULL;
    char *to = text;
    for (const char *c = value.at + 1; c < value.end - 1; c++) {
        if (*c != '\\') {
            *to++ = *c;
            continue;
        }
        static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
        const char *found = among(*++c, from) ? strchr(from, *c) : NULL;
        unsigned code;
        if (found) {
            *to++ = into[found - from];
        } else if (*c != 'u') {
            *to++ = *c;
        } else if ((code = hex4(c + 1, value.end - 1)) != 0 && code < 0x80) {
            *to++ = (char)code; /* the host escapes control characters only */
            c += 4;
        } else {
            free(text);
            return NULL;
        }
    }
    *to = '\0';
    return text;
}

#endif /* NEXUS_JSON_H */
