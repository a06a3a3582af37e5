#include "app/chat.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/roster.h"
#include "base/text.h"
#include "providers/providers.h"

namespace hostler::app {
namespace {

using boost::json::object;
using model::ModelType;

Error Wrong(std::string field, std::string message, std::string remedy) {
  return Error{Code::kInvalid, std::move(message), std::move(remedy), std::move(field), {}};
}

Result<> CheckUrl(const json::Any& value, const std::string& path) {
  const auto* text = value.if_string();
  if (text == nullptr) return Fail(Wrong(path, "expected a string", "Send a data: URL."));
  if (EqualsIgnoringCase(std::string_view(*text).substr(0, 5), "data:")) return {};
  return Fail(Error{Code::kForbidden, "hostler fetches no pictures or sounds from elsewhere",
                    "Send it along as a data: URL, like data:image/png;base64,…", path, "url_not_allowed"});
}

// Pictures and sounds that an object of a request names.
Result<> CheckMedia(const object& part, const std::string& path) {
  for (const std::string_view key : {"image_url", "video_url", "audio_url", "source", "file", "input_audio", "input_video"}) {
    const json::Any* media = part.if_contains(key);
    if (media == nullptr || media->is_null()) continue;
    const std::string here = fmt::format("{}.{}", path, key);
    if (media->is_string()) HOSTLER_OK(CheckUrl(*media, here));
    const object* fields = media->if_object();
    if (fields == nullptr) continue;
    for (const std::string_view url : {"url", "file_url"}) {
      if (const json::Any* address = fields->if_contains(url)) HOSTLER_OK(CheckUrl(*address, fmt::format("{}.{}", here, url)));
    }
  }
  return {};
}

// One piece of a message: text, a picture, a call of a tool …
Result<> CheckPart(const json::Any& value, const std::string& path, Conversation& conversation) {
  const object* part = value.if_object();
  if (part == nullptr) return Fail(Wrong(path, "expected an object", "Send {\"type\":\"text\",\"text\":…}."));
  const json::Any* type = part->if_contains("type");
  if (type == nullptr || !type->is_string())
    return Fail(Wrong(path + ".type", "required field is missing, or is no string", "Say what it is: \"text\", \"image_url\" …"));
  const std::string_view name = type->get_string();
  if (name == "image_url" || name == "input_image" || name == "image") conversation.images = true;
  HOSTLER_OK(CheckMedia(*part, path));
  // What a tool gave back is made of pieces too.
  if (const json::Any* content = part->if_contains("content"); content != nullptr && content->is_array()) {
    for (std::size_t i = 0; i < content->get_array().size(); ++i)
      HOSTLER_OK(CheckPart(content->get_array()[i], fmt::format("{}.content[{}]", path, i), conversation));
  }
  return {};
}

Result<> CheckContent(const json::Any* content, const std::string& path, Conversation& conversation) {
  if (content == nullptr || content->is_null() || content->is_string()) return {};
  const auto* parts = content->if_array();
  if (parts == nullptr) return Fail(Wrong(path, "expected a text or a list of parts", "Send the text as a string."));
  for (std::size_t i = 0; i < parts->size(); ++i)
    HOSTLER_OK(CheckPart((*parts)[i], fmt::format("{}[{}]", path, i), conversation));
  return {};
}

Result<> CheckMessages(const object& request, Conversation& conversation) {
  const json::Any* field = request.if_contains("messages");
  if (field == nullptr) return Fail(Wrong("messages", "required field is missing", "Send it."));
  const auto* messages = field->if_array();
  if (messages == nullptr || messages->empty())
    return Fail(
        Wrong("messages", "expected a list of messages", "Send at least one, like {\"role\":\"user\",\"content\":\"Hello\"}."));
  for (std::size_t i = 0; i < messages->size(); ++i) {
    const std::string path = fmt::format("messages[{}]", i);
    const object* message = (*messages)[i].if_object();
    if (message == nullptr) return Fail(Wrong(path, "expected an object", "Send {\"role\":…,\"content\":…}."));
    const json::Any* role = message->if_contains("role");
    if (role == nullptr || !role->is_string())
      return Fail(
          Wrong(path + ".role", "required field is missing, or is no string", "Say who speaks: \"user\", \"assistant\" …"));
    HOSTLER_OK(CheckMedia(*message, path));
    HOSTLER_OK(CheckContent(message->if_contains("content"), path + ".content", conversation));
  }
  return CheckContent(request.if_contains("system"), "system", conversation);  // Anthropic's place for it
}

Result<> CheckInput(const object& request, Conversation& conversation) {
  const json::Any* input = request.if_contains("input");
  if (input == nullptr) return Fail(Wrong("input", "required field is missing", "Send it."));
  if (input->is_string()) return {};
  const auto* items = input->if_array();
  if (items == nullptr || items->empty()) return Fail(Wrong("input", "expected a text or a list of items", "Send at least one."));
  for (std::size_t i = 0; i < items->size(); ++i) {
    const std::string path = fmt::format("input[{}]", i);
    const object* item = (*items)[i].if_object();
    if (item == nullptr) return Fail(Wrong(path, "expected an object", "Send {\"role\":…,\"content\":…}."));
    HOSTLER_OK(CheckMedia(*item, path));
    HOSTLER_OK(CheckContent(item->if_contains("content"), path + ".content", conversation));
    HOSTLER_OK(CheckContent(item->if_contains("output"), path + ".output", conversation));
  }
  return {};
}

std::string_view WhatItDoes(ModelType type) {
  switch (type) {
    case ModelType::kTts: return "speaks";
    case ModelType::kStt: return "writes down speech";
    case ModelType::kLlm: return "chats";
    case ModelType::kEmbedding: return "makes vectors of texts";
    case ModelType::kReranker: return "puts documents into order";
    case ModelType::kSplade: return "makes sparse vectors of texts";
    case ModelType::kImage: return "makes pictures";
  }
  return "does something else";
}

Error DoesNotChat(const model::Entry& entry) {
  return Error{Code::kUnsupported,
               fmt::format("the model \"{}\" does not chat: it {}", entry.id, WhatItDoes(entry.type)),
               "Choose a model of type llm: `hostler models --type llm`.",
               "model",
               {}};
}

// The language model that is meant when none is named.
Task<Result<model::ModelId>> OnlyLlm(House& house) {
  if (!house.config.default_llm.empty()) co_return house.config.default_llm;
  std::vector<model::ModelId> loaded;
  std::vector<model::ModelId> there;
  for (const lifecycle::Status& status : co_await Roster(house, Of::kServable)) {
    if (status.entry.type != ModelType::kLlm) continue;
    if (status.state == model::MemoryState::kLoaded) loaded.push_back(status.entry.id);
    if (status.entry.disk == model::DiskState::kDownloaded) there.push_back(status.entry.id);
  }
  const auto& candidates = loaded.empty() ? there : loaded;
  if (candidates.size() == 1) co_return candidates.front();
  constexpr std::size_t kNamed = 5;
  const std::vector<std::string> named(candidates.begin(),
                                       candidates.begin() + static_cast<std::ptrdiff_t>(std::min(kNamed, candidates.size())));
  co_return Fail(Error{Code::kInvalid,
                       candidates.empty() ? "no model is named, and no language model is here"
                                          : "no model is named, and there are several language models",
                       candidates.empty() ? "Download one: `hostler search llm` finds some, `hostler pull` fetches them."
                                          : fmt::format("Name one ({}{}), or set models.default_llm.", Join(named, ", "),
                                                        candidates.size() > named.size() ? " …" : ""),
                       "model", "model_required"});
}

Task<Result<model::ModelId>> Meant(House& house, model::ModelId asked) {
  if (asked.empty()) co_return co_await OnlyLlm(house);
  co_return providers::ResolveAlias(house.config, asked);
}

}  // namespace

Result<Conversation> ReadConversation(const json::Any& request, Shape shape) {
  const object* fields = request.if_object();
  if (fields == nullptr) return Fail(Wrong("", "expected a JSON object", "Send {\"model\":…}."));
  Conversation conversation;
  if (const json::Any* model = fields->if_contains("model"); model != nullptr && !model->is_null()) {
    if (!model->is_string()) return Fail(Wrong("model", "expected a string", "GET /v1/models lists the models."));
    conversation.model = std::string_view(model->get_string());
  }
  switch (shape) {
    case Shape::kMessages: HOSTLER_OK(CheckMessages(*fields, conversation)); break;
    case Shape::kInput: HOSTLER_OK(CheckInput(*fields, conversation)); break;
    case Shape::kPrompt:
      if (const json::Any* prompt = fields->if_contains("prompt");
          prompt == nullptr || !(prompt->is_string() || prompt->is_array() || prompt->is_object()))
        return Fail(Wrong("prompt", "expected a text, or a list of texts or tokens", "Send it."));
      break;
    case Shape::kNone: break;
  }
  return conversation;
}

Task<Result<lifecycle::Lease>> LeaseForConversation(House& house, Conversation conversation) {
  HOSTLER_CO_TRY(const model::ModelId id, co_await Meant(house, std::move(conversation.model)));
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  if (status.entry.type != ModelType::kLlm) co_return Fail(DoesNotChat(status.entry));
  HOSTLER_CO_TRY(lifecycle::Lease lease, co_await house.lifecycle.Acquire(id));
  const auto& text = lease->capabilities.text;
  if (!text || !text->chat) co_return Fail(DoesNotChat(status.entry));
  if (conversation.images && !text->vision) {
    co_return Fail(Error{Code::kUnsupported,
                         fmt::format("the model \"{}\" does not look at pictures", id),
                         "Choose one that does, or put its projector (mmproj…gguf) beside its file.",
                         "model",
                         {}});
  }
  co_return lease;
}

Task<Result<lifecycle::Lease>> LeaseForTokens(House& house, Conversation conversation) {
  HOSTLER_CO_TRY(const model::ModelId id, co_await Meant(house, std::move(conversation.model)));
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  const ModelType type = status.entry.type;
  const bool reads = type == ModelType::kLlm || type == ModelType::kEmbedding || type == ModelType::kReranker;
  if (!reads) {
    co_return Fail(Error{Code::kUnsupported,
                         fmt::format("the model \"{}\" shows no tokens: it {}", id, WhatItDoes(type)),
                         "Choose a model of type llm, embedding or reranker.",
                         "model",
                         {}});
  }
  co_return co_await house.lifecycle.Acquire(id);
}

}  // namespace hostler::app
