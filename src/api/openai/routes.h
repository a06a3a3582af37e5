// OpenAI's dialect: chat, models, speech, transcriptions, translations. Unknown fields are passed over and named in
// X-Hostler-Ignored-Fields, so that newer clients keep working and nobody is misled.
#pragma once

#include "api/door.h"

namespace hostler::api::openai {

void AddChat(Door& door);
void AddModels(Door& door);
void AddSpeech(Door& door);
void AddTranscriptions(Door& door);

}  // namespace hostler::api::openai
