// FFmpeg keeps tags in a list that it searches from the front for each one that it adds, and adds to a tag by copying it, before
// anybody can stop it: a few megabytes of tags would hold a thread for hours. Nobody here reads tags, so a list gets its first
// hundred. The module comes before libavutil where libavformat looks for this function, so this is the one that it calls.
#include <dlfcn.h>

#include <cstring>

#include "media/ffmpeg/av.h"

namespace {

constexpr int kMostEntries = 100;
constexpr std::size_t kMostAppended = 4096;  // bytes of a value that is added to

using Set = int (*)(AVDictionary**, const char*, const char*, int);

Set FindOriginal() {
  void* library = ::dlopen("libavutil.so." AV_STRINGIFY(LIBAVUTIL_VERSION_MAJOR), RTLD_NOW | RTLD_NOLOAD);
  return library != nullptr ? reinterpret_cast<Set>(::dlsym(library, "av_dict_set")) : nullptr;
}

bool IsFull(const AVDictionary* entries, const char* key, const char* value, int flags) {
  if (value == nullptr) return false;  // it is taken out
  const AVDictionaryEntry* known = av_dict_get(entries, key, nullptr, flags & AV_DICT_MATCH_CASE);
  if (known == nullptr || (flags & AV_DICT_MULTIKEY) != 0) return av_dict_count(entries) >= kMostEntries;
  return (flags & AV_DICT_APPEND) != 0 && std::strlen(known->value) + std::strlen(value) > kMostAppended;
}

}  // namespace

// Named by libavutil/dict.h.
extern "C" [[gnu::visibility("default")]] int av_dict_set(AVDictionary** entries, const char* key, const char* value, int flags) {
  static const Set original = FindOriginal();
  if (original != nullptr && (key == nullptr || !IsFull(*entries, key, value, flags)))
    return original(entries, key, value, flags);
  if ((flags & AV_DICT_DONT_STRDUP_KEY) != 0) av_free(const_cast<char*>(key));
  if ((flags & AV_DICT_DONT_STRDUP_VAL) != 0) av_free(const_cast<char*>(value));
  return original != nullptr ? 0 : AVERROR(ENOSYS);
}
