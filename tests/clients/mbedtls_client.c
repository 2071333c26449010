/*
 * An MQTT 3.1.1 client on mbedTLS: what WiFiClientSecure + PubSubClient do on an ESP32, on a desk. It connects with
 * keep alive 15, subscribes, publishes, waits for its own message, and leaves.
 *
 *   cc mbedtls_client.c -lmbedtls -lmbedx509 -lmbedcrypto -o mbedtls_client
 *   ./mbedtls_client --host 127.0.0.1 --port 8883 --cafile ca.crt --cert client1.crt --key client1.key
 *   ./mbedtls_client --host 127.0.0.1 --port 8883 --cafile ca.crt --user u --password p
 *
 * With -DSEALMQ_HEADER='"sealmq_certs.h"' the certificates, the key, host, port, client id and topic come from a
 * generated Arduino header; options override them.
 *
 * Exit: 0 the message came back; 1 a step failed, with mbedTLS' code or the broker's on stderr; 2 wrong usage, or a TLS
 * version that this mbedTLS does not speak.
 */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SEALMQ_HEADER
#include SEALMQ_HEADER
#endif

#define TIMEOUT_MS 5000
#define PACKET_MAX 1024

struct options {
    const char *host, *port, *tls_version, *cafile, *cert, *key, *user, *password, *client_id, *topic, *message;
    const char *server_name;
};

struct session {
    mbedtls_net_context net;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt anchors, chain;
    mbedtls_pk_context key;
};

static void die_mbedtls(const char *step, int code) {
    char text[200] = "";
    mbedtls_strerror(code, text, sizeof text);
    fprintf(stderr, "%s: mbedTLS -0x%04x %s\n", step, (unsigned)-code, text);
    exit(1);
}

static void die(const char *step, const char *why) {
    fprintf(stderr, "%s: %s\n", step, why);
    exit(1);
}

static void usage(void) {
    fprintf(stderr,
            "usage: mbedtls_client --host HOST --port PORT [--server-name NAME] [--tls-version 1.2|1.3]\n"
            "       --cafile FILE [--cert FILE --key FILE] [--user NAME --password TEXT]\n"
            "       [--client-id ID] [--topic TOPIC] [--message TEXT]\n");
    exit(2);
}

static struct options parse(int argc, char **argv) {
    static char header_port[8];
    struct options o = {.client_id = "mbedtls-client", .topic = "test/mbedtls", .message = "hello from mbedTLS"};
#ifdef SEALMQ_HEADER
    snprintf(header_port, sizeof header_port, "%u", (unsigned)SEALMQ_PORT);
    o.host = SEALMQ_HOST;
    o.port = header_port;
    o.client_id = SEALMQ_CLIENT_ID;
    o.topic = SEALMQ_TOPIC;
#else
    (void)header_port;
#endif
    const struct { const char *name; const char **value; } table[] = {
        {"--host", &o.host},           {"--port", &o.port},       {"--tls-version", &o.tls_version},
        {"--cafile", &o.cafile},       {"--cert", &o.cert},       {"--key", &o.key},
        {"--user", &o.user},           {"--password", &o.password}, {"--client-id", &o.client_id},
        {"--topic", &o.topic},         {"--message", &o.message}, {"--server-name", &o.server_name},
    };
    for (int i = 1; i + 1 < argc; i += 2) {
        size_t row = 0, rows = sizeof table / sizeof *table;
        while (row < rows && strcmp(argv[i], table[row].name) != 0) row++;
        if (row == rows) usage();
        *table[row].value = argv[i + 1];
    }
    if (argc % 2 == 0 || !o.host || !o.port || !o.cert != !o.key) usage();
#ifndef SEALMQ_HEADER
    if (!o.cafile) usage();
#endif
    return o;
}

static void load_credentials(struct session *s, const struct options *o) {
    int rc = 0;
    if (o->cafile) {
        rc = mbedtls_x509_crt_parse_file(&s->anchors, o->cafile);
        if (rc != 0) die_mbedtls("read the CA file", rc);
    }
#ifdef SEALMQ_HEADER
    else {
        rc = mbedtls_x509_crt_parse(&s->anchors, (const unsigned char *)SEALMQ_CA, sizeof SEALMQ_CA);
        if (rc != 0) die_mbedtls("parse SEALMQ_CA", rc);
    }
    if (!o->cert && !o->user) {
        rc = mbedtls_x509_crt_parse(&s->chain, (const unsigned char *)SEALMQ_CERT, sizeof SEALMQ_CERT);
        if (rc != 0) die_mbedtls("parse SEALMQ_CERT", rc);
#if MBEDTLS_VERSION_MAJOR >= 3
        rc = mbedtls_pk_parse_key(&s->key, (const unsigned char *)SEALMQ_KEY, sizeof SEALMQ_KEY, NULL, 0,
                                  mbedtls_ctr_drbg_random, &s->random);
#else
        rc = mbedtls_pk_parse_key(&s->key, (const unsigned char *)SEALMQ_KEY, sizeof SEALMQ_KEY, NULL, 0);
#endif
        if (rc != 0) die_mbedtls("parse SEALMQ_KEY", rc);
        rc = mbedtls_ssl_conf_own_cert(&s->config, &s->chain, &s->key);
        if (rc != 0) die_mbedtls("use the client certificate", rc);
    }
#endif
    if (o->cert) {
        rc = mbedtls_x509_crt_parse_file(&s->chain, o->cert);
        if (rc != 0) die_mbedtls("read the client certificate", rc);
#if MBEDTLS_VERSION_MAJOR >= 3
        rc = mbedtls_pk_parse_keyfile(&s->key, o->key, NULL, mbedtls_ctr_drbg_random, &s->random);
#else
        rc = mbedtls_pk_parse_keyfile(&s->key, o->key, NULL);
#endif
        if (rc != 0) die_mbedtls("read the client key", rc);
        rc = mbedtls_ssl_conf_own_cert(&s->config, &s->chain, &s->key);
        if (rc != 0) die_mbedtls("use the client certificate", rc);
    }
    mbedtls_ssl_conf_ca_chain(&s->config, &s->anchors, NULL);
}

static void choose_version(struct session *s, const char *version) {
    if (!version) return;
    if (strcmp(version, "1.2") == 0) {
        mbedtls_ssl_conf_min_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
        mbedtls_ssl_conf_max_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
        return;
    }
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    if (strcmp(version, "1.3") == 0) {
        mbedtls_ssl_conf_min_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_4);
        mbedtls_ssl_conf_max_version(&s->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_4);
        return;
    }
#endif
    fprintf(stderr, "TLS %s: not spoken by mbedTLS %s\n", version, MBEDTLS_VERSION_STRING);
    exit(2);
}

static void open_tls(struct session *s, const struct options *o) {
    mbedtls_net_init(&s->net);
    mbedtls_ssl_init(&s->ssl);
    mbedtls_ssl_config_init(&s->config);
    mbedtls_entropy_init(&s->entropy);
    mbedtls_ctr_drbg_init(&s->random);
    mbedtls_x509_crt_init(&s->anchors);
    mbedtls_x509_crt_init(&s->chain);
    mbedtls_pk_init(&s->key);
    int rc = mbedtls_ctr_drbg_seed(&s->random, mbedtls_entropy_func, &s->entropy, NULL, 0);
    if (rc != 0) die_mbedtls("seed the generator", rc);
    rc = mbedtls_ssl_config_defaults(&s->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                     MBEDTLS_SSL_PRESET_DEFAULT);
    if (rc != 0) die_mbedtls("set TLS up", rc);
    mbedtls_ssl_conf_rng(&s->config, mbedtls_ctr_drbg_random, &s->random);
    mbedtls_ssl_conf_authmode(&s->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_read_timeout(&s->config, TIMEOUT_MS);
    choose_version(s, o->tls_version);
    load_credentials(s, o);
    rc = mbedtls_net_connect(&s->net, o->host, o->port, MBEDTLS_NET_PROTO_TCP);
    if (rc != 0) die_mbedtls("connect", rc);
    rc = mbedtls_ssl_setup(&s->ssl, &s->config);
    if (rc != 0) die_mbedtls("set TLS up", rc);
    rc = mbedtls_ssl_set_hostname(&s->ssl, o->server_name ? o->server_name : o->host);
    if (rc != 0) die_mbedtls("set the server's name", rc);
    mbedtls_ssl_set_bio(&s->ssl, &s->net, mbedtls_net_send, mbedtls_net_recv, mbedtls_net_recv_timeout);
    while ((rc = mbedtls_ssl_handshake(&s->ssl)) != 0) {
        if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE) continue;
        char why[400] = "";
        uint32_t flags = mbedtls_ssl_get_verify_result(&s->ssl);
        if (flags != 0 && flags != (uint32_t)-1) {
            mbedtls_x509_crt_verify_info(why, sizeof why, "  ", flags);
            fprintf(stderr, "%s", why);
        }
        die_mbedtls("handshake", rc);
    }
    printf("%s %s\n", mbedtls_ssl_get_version(&s->ssl), mbedtls_ssl_get_ciphersuite(&s->ssl));
}

static void put(struct session *s, const unsigned char *bytes, size_t len) {
    while (len > 0) {
        int rc = mbedtls_ssl_write(&s->ssl, bytes, len);
        if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE) continue;
        if (rc < 0) die_mbedtls("write", rc);
        bytes += rc;
        len -= (size_t)rc;
    }
}

static void get(struct session *s, const char *step, unsigned char *bytes, size_t len) {
    while (len > 0) {
        int rc = mbedtls_ssl_read(&s->ssl, bytes, len);
        if (rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE) continue;
#if defined(MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
        if (rc == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) continue;
#endif
        if (rc == 0) die(step, "the broker closed the connection");
        if (rc < 0) die_mbedtls(step, rc);
        bytes += rc;
        len -= (size_t)rc;
    }
}

/* One packet: its first byte is returned, its body stands in `body`. */
static unsigned char receive(struct session *s, const char *step, unsigned char *body, size_t *len) {
    unsigned char first, octet;
    get(s, step, &first, 1);
    *len = 0;
    for (int shift = 0;; shift += 7) {
        if (shift > 21) die(step, "malformed remaining length");
        get(s, step, &octet, 1);
        *len |= (size_t)(octet & 0x7f) << shift;
        if (!(octet & 0x80)) break;
    }
    if (*len > PACKET_MAX) die(step, "the packet is larger than this client takes");
    get(s, step, body, *len);
    return first;
}

static size_t text(unsigned char *at, const char *value) {
    size_t len = strlen(value);
    at[0] = (unsigned char)(len >> 8);
    at[1] = (unsigned char)len;
    memcpy(at + 2, value, len);
    return len + 2;
}

/* Sends first byte, remaining length (one or two octets) and body. */
static void send_packet(struct session *s, unsigned char first, const unsigned char *body, size_t len) {
    unsigned char packet[PACKET_MAX + 3];
    size_t head = 0;
    packet[head++] = first;
    if (len < 128) {
        packet[head++] = (unsigned char)len;
    } else {
        packet[head++] = (unsigned char)(len & 0x7f) | 0x80;
        packet[head++] = (unsigned char)(len >> 7);
    }
    memcpy(packet + head, body, len);
    put(s, packet, head + len);
}

static void mqtt_connect(struct session *s, const struct options *o) {
    unsigned char body[PACKET_MAX], flags = 0x02;
    size_t len = text(body, "MQTT");
    if (o->user) flags |= 0x80;
    if (o->password) flags |= 0x40;
    body[len++] = 4;
    body[len++] = flags;
    body[len++] = 0;
    body[len++] = 15;
    len += text(body + len, o->client_id);
    if (o->user) len += text(body + len, o->user);
    if (o->password) len += text(body + len, o->password);
    send_packet(s, 0x10, body, len);
    unsigned char first = receive(s, "CONNACK", body, &len);
    if (first != 0x20 || len != 2) die("CONNACK", "another packet came");
    if (body[1] != 0) {
        fprintf(stderr, "CONNACK: refused with return code %u\n", body[1]);
        exit(1);
    }
}

static void mqtt_subscribe(struct session *s, const struct options *o) {
    unsigned char body[PACKET_MAX] = {0, 1};
    size_t len = 2 + text(body + 2, o->topic);
    body[len++] = 1;
    send_packet(s, 0x82, body, len);
    unsigned char first = receive(s, "SUBACK", body, &len);
    if (first != 0x90 || len != 3 || body[1] != 1) die("SUBACK", "another packet came");
    if (body[2] > 2) die("SUBACK", "the broker refused the subscription");
}

static void mqtt_publish(struct session *s, const struct options *o) {
    unsigned char body[PACKET_MAX];
    size_t len = text(body, o->topic), size = strlen(o->message);
    memcpy(body + len, o->message, size);
    send_packet(s, 0x30, body, len + size);
}

static void mqtt_await(struct session *s, const struct options *o) {
    unsigned char body[PACKET_MAX];
    size_t len, topic = strlen(o->topic), size = strlen(o->message);
    unsigned char first = receive(s, "PUBLISH", body, &len);
    if ((first & 0xf0) != 0x30) die("PUBLISH", "another packet came");
    size_t at = 2 + topic + ((first & 0x06) ? 2 : 0);
    if (len != at + size || memcmp(body + 2, o->topic, topic) != 0 || memcmp(body + at, o->message, size) != 0)
        die("PUBLISH", "another message came");
}

int main(int argc, char **argv) {
    struct options o = parse(argc, argv);
    const char *texts[] = {o.client_id, o.topic, o.message, o.user ? o.user : "", o.password ? o.password : ""};
    size_t sum = 32;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) sum += strlen(texts[i]) + 2;
    if (sum > PACKET_MAX) usage();
    static struct session s;
    open_tls(&s, &o);
    mqtt_connect(&s, &o);
    mqtt_subscribe(&s, &o);
    mqtt_publish(&s, &o);
    mqtt_await(&s, &o);
    send_packet(&s, 0xe0, (const unsigned char *)"", 0);
    mbedtls_ssl_close_notify(&s.ssl);
    mbedtls_net_free(&s.net);
    printf("got '%s' back on %s\n", o.message, o.topic);
    return 0;
}
