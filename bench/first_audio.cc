// Time to the first audio: espeak-ng called directly, and through a running hostler, in turns. Started by first_audio.py.
#include <espeak-ng/speak_lib.h>

#include <cstring>
#include <string>

#include "bench/first_byte.h"

namespace {

constexpr const char* kText = "The quick brown fox jumps over the lazy dog.";

std::int64_t g_begin = 0;
double g_first = 0;  // milliseconds

int OnAudio(short* samples, int count, espeak_EVENT*) {
  if (samples != nullptr && count > 0 && g_first == 0) g_first = bench::MillisecondsSince(g_begin);
  return 0;
}

double Direct() {
  g_first = 0;
  g_begin = bench::NowNs();
  espeak_Synth(kText, std::strlen(kText) + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, nullptr, nullptr);
  return g_first;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 20, nullptr, espeakINITIALIZE_DONT_EXIT);
  espeak_SetSynthCallback(OnAudio);
  espeak_SetVoiceByName("en-us");

  const std::string body = std::string(R"({"model":"espeak","voice":"en-us","response_format":"wav","input":")") + kText + "\"}";
  return bench::Compare({"first audio of espeak", argv[1], argv[2], "/v1/audio/speech", body, Direct});
}
