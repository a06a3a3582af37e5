// The checks themselves, in the order in which they are made.
//
// Internal to the room. Threads: one loop.
#pragma once

#include "conform/subject.h"

namespace hostler::conform {

class Walk {
 public:
  Walk(Subject& subject, const Options& options) : subject_(subject), options_(options) {}

  [[nodiscard]] Task<Report> Run();

 private:
  // walk.cc
  Task<> Health();
  Task<> Envelope();
  Task<> Folders();
  Task<> End();
  // models.cc
  Task<> Choose();
  Task<> BeforeLoading();
  Task<> Loading();
  Task<> Unloading();
  Task<> Logs();
  // speech.cc
  Task<> Abilities();
  Task<> Speaking();
  Task<> Leaving();
  Task<> Hearing();
  // vectors.cc
  Task<> Vectors();
  Task<> Embedding();
  Task<> Reranking();
  Task<> SparseVectors();
  // Of a feature that this model does not have.
  Task<> Refusing(std::string target, std::string body);
  Task<> Diarizing();

  void Ok(std::string requirement);
  void Failed(std::string requirement, std::string detail);
  void Skipped(std::string requirement, std::string why);
  // One line: ok, or failed with `seen`.
  void Expect(bool right, std::string requirement, std::string seen);
  void ExpectError(const http::Response& response, unsigned status, std::string_view code, std::string requirement);

  [[nodiscard]] Task<std::optional<wire::ModelRow>> RowOf(std::string id);
  [[nodiscard]] std::string ModelBody() const;  // {"model_id":…}
  [[nodiscard]] bool HasFeature(std::string_view name) const;
  [[nodiscard]] std::string Control(std::string text) const;
  // How this model is asked to speak: with a voice of its own, of a recording, or of a description.
  struct Speech {
    std::string target;
    std::string body;
  };
  [[nodiscard]] Speech Saying(std::string text) const;

  Subject& subject_;
  const Options& options_;
  Report report_;
  wire::Health health_;
  wire::Capabilities capabilities_;
  std::string model_;
};

// Status and the beginning of the body, for people.
[[nodiscard]] std::string Seen(const http::Response& response);

}  // namespace hostler::conform
