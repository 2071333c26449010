// Just enough of the ESP32 Arduino core for a compiler to check the sketch's syntax and types. Declarations only.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>

typedef uint8_t byte;
#define PROGMEM
#define HEX 16

struct IPAddress {};

struct SerialStandIn {
  void begin(unsigned long baud);
  template <typename T> void print(T value);
  template <typename T> void print(T value, int base);
  template <typename T> void println(T value);
  void println();
};
extern SerialStandIn Serial;

void delay(uint32_t ms);
unsigned long millis();
extern "C" uint32_t esp_random(void);
void configTime(long gmtOffsetSecs, int daylightOffsetSecs, const char *server1, const char *server2 = nullptr,
                const char *server3 = nullptr);
