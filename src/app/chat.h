// Conversations with language models, and their tokens: which model is meant, and whether a request may reach its engine. The
// engine speaks OpenAI's and Anthropic's dialects by itself, so that a request goes on as it came.
//
// Threads: any loop of the house.
#pragma once

#include <string>

#include "app/house.h"

namespace hostler::app {

// Where a request keeps what is said.
enum class Shape {
  kMessages,  // `messages`, of OpenAI's or Anthropic's form
  kInput,     // `input`: a text, or items
  kPrompt,    // `prompt`: texts or tokens
  kNone,      // the engine knows
};

// What of a request matters before it goes on.
struct Conversation {
  model::ModelId model;  // as the client calls it; may be empty
  bool images = false;   // it shows pictures
};

// Errors: kInvalid with the field's path, for what is no conversation; kForbidden for pictures and sounds by URL: the engine
// would fetch them, from wherever the client says, with this machine's rights.
[[nodiscard]] Result<Conversation> ReadConversation(const json::Any& request, Shape shape);

// A lease on the model that answers: the one that is named, else models.default_llm, else the only language model that is loaded,
// or on the disk. Errors: as Lifecycle::Acquire; kUnsupported for a model that does something else, before it is loaded for
// nothing; kInvalid named `model_required`.
[[nodiscard]] Task<Result<lifecycle::Lease>> LeaseForConversation(House& house, Conversation conversation);
// As it, but any model that reads texts will do.
[[nodiscard]] Task<Result<lifecycle::Lease>> LeaseForTokens(House& house, Conversation conversation);

}  // namespace hostler::app
