// Speech on its way out: encoded as it comes, or collected and sent whole.
//
// Threads: any loop of the house; codecs that cost time run on the media pool.
#pragma once

#include "app/house.h"
#include "app/sink.h"
#include "app/voicing.h"

namespace hostler::app {

// Begins `sink` with the first samples, so that an error before them is the answer.
[[nodiscard]] Task<Result<>> SendStreamed(House& house, Stream stream, media::Format format, Voicing& voicing, ByteSink& sink);
// Everything is spoken first: the length is known, and the peak can be. kTooLarge for more than 256 MB.
[[nodiscard]] Task<Result<>> SendWhole(House& house, Stream stream, media::Format format, Voicing& voicing, bool normalize,
                                       ByteSink& sink);

}  // namespace hostler::app
