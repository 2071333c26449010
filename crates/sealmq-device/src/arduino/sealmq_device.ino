// A device that connects to its SealMQ broker over mutual TLS: it says hello, listens, and reconnects by itself.
//
// Board:     ESP32 (Arduino core 2 or 3)
// Libraries: PubSubClient by Nick O'Leary (Library Manager); WiFi and WiFiClientSecure come with the core
// Do:        fill in the two lines below, upload, open the Serial Monitor at 115200 baud
//
// Everything that is this device's own stands in sealmq_certs.h, beside this file.

#include <WiFi.h>
#include <WiFiClientSecure.h>
#include <PubSubClient.h>
#include <time.h>

#include "sealmq_certs.h"

// ---- fill in: your wireless network ----
static const char WIFI_SSID[] = "YOUR-WIFI-NAME";
static const char WIFI_PASSWORD[] = "YOUR-WIFI-PASSWORD";

// Certificates have dates, so the clock must be right before TLS. Put a server of your own network here if the
// device has no way to the Internet.
static const char NTP_SERVER_1[] = "pool.ntp.org";
static const char NTP_SERVER_2[] = "time.cloudflare.com";

static const unsigned long FIRST_WAIT_MS = 1000;
static const unsigned long LONGEST_WAIT_MS = 60000;
static const unsigned long HELLO_EVERY_MS = 30000;

static WiFiClientSecure tls;
static PubSubClient mqtt(tls);
static unsigned long waitMs = FIRST_WAIT_MS;
static unsigned long lastHelloMs = 0;

static void onMessage(char *topic, byte *payload, unsigned int length) {
  Serial.print("message on ");
  Serial.print(topic);
  Serial.print(": ");
  for (unsigned int i = 0; i < length; i++) {
    Serial.print((char)payload[i]);
  }
  Serial.println();
}

// What PubSubClient's state() means, and what to look at.
static const char *reason(int state) {
  switch (state) {
    case -4: return "no answer from the broker in time: is SEALMQ_HOST the right machine?";
    case -3: return "the connection broke: the broker's log says why";
    case -2: return "no TLS connection: see the TLS line above; check address, port, firewall, clock";
    case 1: return "the broker does not speak MQTT 3.1.1";
    case 2: return "the broker refuses the client id";
    case 3: return "the broker is not available";
    case 4: return "wrong user name or password";
    case 5: return "not authorised: was this device's certificate revoked?";
    default: return "see the broker's log";
  }
}

// The wait doubles up to a minute; the random half keeps a thousand devices from coming back in the same second.
static void waitBeforeNextTry() {
  unsigned long half = waitMs / 2;
  unsigned long pause = half + esp_random() % (half + 1);
  Serial.print("next try in ");
  Serial.print(pause);
  Serial.println(" ms");
  delay(pause);
  waitMs = waitMs * 2 > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : waitMs * 2;
}

static bool joinWifi() {
  if (WiFi.status() == WL_CONNECTED) {
    return true;
  }
  Serial.print("joining ");
  Serial.println(WIFI_SSID);
  WiFi.mode(WIFI_STA);
  WiFi.begin(WIFI_SSID, WIFI_PASSWORD);
  for (int i = 0; i < 40 && WiFi.status() != WL_CONNECTED; i++) {
    delay(500);
  }
  if (WiFi.status() != WL_CONNECTED) {
    Serial.println("no wireless network: check WIFI_SSID and WIFI_PASSWORD (2.4 GHz only)");
    return false;
  }
  Serial.print("address ");
  Serial.println(WiFi.localIP());
  configTime(0, 0, NTP_SERVER_1, NTP_SERVER_2);
  return true;
}

static bool clockIsSet() {
  for (int i = 0; i < 40; i++) {
    if ((long long)time(nullptr) >= SEALMQ_NOT_BEFORE) {
      return true;
    }
    delay(500);
  }
  Serial.println("no time from NTP: is UDP port 123 open? Without the right time certificates cannot be checked");
  return false;
}

static bool connectMqtt() {
  Serial.print("connecting to ");
  Serial.print(SEALMQ_HOST);
  Serial.print(":");
  Serial.println(SEALMQ_PORT);
  if (!mqtt.connect(SEALMQ_CLIENT_ID)) {
    char text[128] = "";
    int code = tls.lastError(text, sizeof(text));
    if (code != 0) {
      Serial.print("TLS: -0x");
      Serial.print(-code, HEX);
      Serial.print(" ");
      Serial.println(text);
    }
    Serial.print("MQTT: ");
    Serial.println(reason(mqtt.state()));
    tls.stop();
    return false;
  }
  Serial.println("connected");
  mqtt.subscribe(SEALMQ_TOPIC, 1);
  return true;
}

static bool sayHello() {
  char text[64];
  snprintf(text, sizeof(text), "hello from %s, up %lu s", SEALMQ_CLIENT_ID, millis() / 1000);
  lastHelloMs = millis();
  return mqtt.publish(SEALMQ_TOPIC, text);
}

void setup() {
  Serial.begin(115200);
  delay(200);
  tls.setCACert(SEALMQ_CA);
  tls.setCertificate(SEALMQ_CERT);
  tls.setPrivateKey(SEALMQ_KEY);
  mqtt.setServer(SEALMQ_HOST, SEALMQ_PORT);
  mqtt.setKeepAlive(15);
  mqtt.setBufferSize(1024);
  mqtt.setCallback(onMessage);
}

void loop() {
  if (!mqtt.connected()) {
    if (!joinWifi() || !clockIsSet() || !connectMqtt()) {
      waitBeforeNextTry();
      return;
    }
    waitMs = FIRST_WAIT_MS;
    sayHello();
  }
  mqtt.loop();
  if (millis() - lastHelloMs >= HELLO_EVERY_MS && !sayHello()) {
    Serial.println("hello was not sent");
  }
}
