// Stand-in for the ESP32 core's WiFi.h (syntax check only).
#pragma once
#include "Arduino.h"
enum wl_status_t { WL_CONNECTED = 3, WL_DISCONNECTED = 6 };
enum wifi_mode_t { WIFI_STA = 1 };
struct WiFiStandIn {
  wl_status_t status();
  bool mode(wifi_mode_t mode);
  wl_status_t begin(const char *ssid, const char *passphrase);
  IPAddress localIP();
};
extern WiFiStandIn WiFi;
