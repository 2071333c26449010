// Stand-in for PubSubClient 2.8's header (syntax check only).
#pragma once
#include "Arduino.h"
#include "WiFiClientSecure.h"
struct PubSubClient {
  explicit PubSubClient(Client &client);
  PubSubClient &setServer(const char *domain, uint16_t port);
  PubSubClient &setCallback(void (*callback)(char *, uint8_t *, unsigned int));
  PubSubClient &setKeepAlive(uint16_t keepAlive);
  bool setBufferSize(uint16_t size);
  bool connect(const char *id);
  bool publish(const char *topic, const char *payload);
  bool subscribe(const char *topic, uint8_t qos);
  bool loop();
  bool connected();
  int state();
};
