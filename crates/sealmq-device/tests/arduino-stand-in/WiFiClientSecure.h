// Stand-in for the ESP32 core's WiFiClientSecure.h (syntax check only).
#pragma once
#include "Arduino.h"
struct Client {};
struct WiFiClientSecure : Client {
  void setCACert(const char *rootCA);
  void setCertificate(const char *clientCA);
  void setPrivateKey(const char *privateKey);
  int lastError(char *buffer, const size_t size);
  void stop();
};
