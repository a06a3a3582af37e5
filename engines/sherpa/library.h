// sherpa-onnx behind a shield. The library reports in three ways, and all of them become an Error here: it throws (what
// onnxruntime finds), it returns null and writes the reason to stderr, or it ends the process. Against the last there is
// only looking at the files before (families.h); the process is expendable, and its last words reach stderr at once.
//
// Threads: any. OpenLibrary() before anything else of the library.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engines/sherpa/abi.h"

namespace hostler::sherpa {

// Once for the process: is it the library that abi.h describes? From here on, what it writes to stderr is remembered too, and
// what it writes to stdout goes to stderr.
[[nodiscard]] Result<> OpenLibrary();

// Thrown out of a callback, through the library, to make it stop. Guarded() returns kCancelled.
struct Stopped {};

// Calls the library. `call` returns false if it refused. The error says "sherpa-onnx cannot DOING: REASON".
[[nodiscard]] Result<> Guarded(std::string_view doing, const std::function<bool()>& call);

// What the library wrote to stderr in this thread since the last Guarded() began, clipped; without places in its source.
[[nodiscard]] const std::string& Complaints();

template <class T, void (*destroy)(const T*)>
struct Destroyer {
  void operator()(const T* object) const { destroy(object); }
};
template <class T, void (*destroy)(const T*)>
using Owned = std::unique_ptr<const T, Destroyer<T, destroy>>;

using Tts = Owned<abi::Tts, &abi::SherpaOnnxDestroyOfflineTts>;
using GeneratedAudio = Owned<abi::GeneratedAudio, &abi::SherpaOnnxDestroyOfflineTtsGeneratedAudio>;
using Recognizer = Owned<abi::Recognizer, &abi::SherpaOnnxDestroyOfflineRecognizer>;
using Stream = Owned<abi::Stream, &abi::SherpaOnnxDestroyOfflineStream>;
using AsrResult = Owned<abi::AsrResult, &abi::SherpaOnnxDestroyOfflineRecognizerResult>;
using Vad = Owned<abi::Vad, &abi::SherpaOnnxDestroyVoiceActivityDetector>;
using SpeechSegment = Owned<abi::SpeechSegment, &abi::SherpaOnnxDestroySpeechSegment>;
using Diarization = Owned<abi::Diarization, &abi::SherpaOnnxDestroyOfflineSpeakerDiarization>;
using DiarizationResult = Owned<abi::DiarizationResult, &abi::SherpaOnnxOfflineSpeakerDiarizationDestroyResult>;
using DiarizationSegments = Owned<abi::DiarizationSegment, &abi::SherpaOnnxOfflineSpeakerDiarizationDestroySegment>;

}  // namespace hostler::sherpa
