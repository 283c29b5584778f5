/* FROZEN. Never change this file: see README.md in this folder. A harvester of protocol 1.0. */
#define MANIFEST                                                                                              \
    "{\"name\":\"frozen-harvester\",\"version\":\"1.0.0\",\"kind\":\"harvester\",\"protocol\":\"1.0\","       \
    "\"summary\":\"A harvester of 1.0.\",\"settings\":{\"type\":\"object\",\"properties\":{\"place\":"        \
    "{\"type\":\"string\"},\"token\":{\"type\":\"string\",\"secret\":true}},\"required\":[\"place\"]},"       \
    "\"capabilities\":[\"instruments\",\"actions\"]}"
#include "plugin.h"

static int answer(Instance *self, const NexusCall *call, const char *method, const char *request, char *text)
{
    static const char *const harvest[] = {"params",   "instruments", "instrument", "pid",  "display_name", "api_url",
                                          "timezone", "cursor",      "from",       "open", "page",         NULL};
    static const char *const reservations[] = {
        "params", "sessions", "session_identifier", "external_id", "instrument", "user", "start", "end", NULL};
    if (strcmp(method, "harvest") == 0) {
        if (has(request, harvest, text))
            strcpy(text, "\"ok\":{\"events\":[{\"external_id\":\"17\",\"session_identifier\":\"s-17\","
                         "\"instrument_pid\":\"TITAN\",\"user\":\"ada\",\"start\":\"2024-03-05T09:10:00-07:00\","
                         "\"end\":\"2024-03-05T11:00:00\",\"cancelled\":false},"
                         "{\"external_id\":\"18\",\"session_identifier\":\"s-18\",\"instrument_pid\":\"TITAN\","
                         "\"start\":\"2024-03-05T12:10:00.5Z\"}],"
                         "\"instruments\":[{\"instrument_pid\":\"TITAN\",\"cursor\":\"c18\",\"complete\":true,"
                         "\"covered_from\":\"2024-03-01T00:00:00Z\",\"covered_to\":null}],"
                         "\"outside\":[{\"tool\":\"laser\",\"count\":3}],"
                         "\"rejected\":[{\"place\":\"line 3\",\"reason\":\"no end\"}],"
                         "\"users\":[{\"username\":\"ada\",\"system\":\"nemo\",\"external_id\":\"7\","
                         "\"email\":\"ada@example.org\"}],\"more\":\"page 2\"}");
        return NEXUS_OK;
    }
    if (strcmp(method, "reservations") == 0) {
        if (has(request, reservations, text))
            strcpy(text, "\"ok\":{\"answers\":[{\"reservation\":{\"internal_id\":\"4\",\"title\":\"Grains\","
                         "\"purpose\":\"p\",\"username\":\"ada\",\"user_full_name\":\"Ada L\","
                         "\"start\":\"2024-03-05T09:00:00-07:00\",\"samples\":[{\"pid\":\"x\",\"name\":\"n\","
                         "\"elements\":[\"Fe\"]}],\"projects\":[{\"name\":\"P\",\"id\":\"1\",\"link\":\"l\"}],"
                         "\"of_another_user\":true,\"warnings\":[\"w\"]}},"
                         "{\"no_consent\":{\"reason\":\"Disagree\"}},{\"no_reservation\":{\"reason\":\"none\"}},"
                         "\"gone\",{\"failed\":{\"class\":\"auth\",\"effect\":\"none\",\"message\":\"401\"}}]}");
        return NEXUS_OK;
    }
    if (strcmp(method, "instruments") == 0) {
        strcpy(text, "\"ok\":{\"instruments\":[{\"api_url\":\"https://x.example.org/?id=1\",\"name\":\"Titan\"}]}");
        return NEXUS_OK;
    }
    return shared(self, call, method, request, text);
}
